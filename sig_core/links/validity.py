"""Until when a certificate is good, read out of its bytes: what `ssl` tells of the other end alone."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

__all__ = ["end_of"]

PEM: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
VERSION: Final = 0xA0  # the tag of DER for the version, which is optional
LONG_TIME: Final = 0x18  # the one for a time whose year has four digits
VALIDITY: Final = 3  # what stands before it in a certificate, beside the version: serial, algorithm, issuer


def end_of(pem: bytes) -> datetime:
    """Return when the first of the certificates in a file ends.

    Args:
        pem: what the file holds.

    Raises:
        ValueError: there is none, or one is damaged.
    """
    found = [_end(ssl.PEM_cert_to_DER_cert(text)) for text in PEM.findall(pem.decode("ascii", "replace"))]
    if not found:
        raise ValueError("there is no certificate in it (-----BEGIN CERTIFICATE-----)")
    return min(found)


def _end(der: bytes) -> datetime:
    try:
        _, certificate = next(_items(der))
        _, signed = next(_items(certificate))
        fields = [content for tag, content in _items(signed) if tag != VERSION]
        _, (tag, text) = _items(fields[VALIDITY])
        form = "%Y%m%d%H%M%SZ" if tag == LONG_TIME else "%y%m%d%H%M%SZ"
        return datetime.strptime(text.decode("ascii", "replace"), form).replace(tzinfo=UTC)
    except (IndexError, StopIteration, ValueError) as error:
        raise ValueError("a certificate in it is damaged") from error


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the tag and the content of each item of DER."""
    while data:
        length, head = data[1], 2
        if length > 0x7F:  # then it says how many bytes say the length
            head += length & 0x7F
            length = int.from_bytes(data[2:head], "big")
        if head + length > len(data):
            raise ValueError("it ends too soon")
        yield data[0], data[head : head + length]
        data = data[head + length :]
