"""What an authority has issued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import sig_core as sig
from sig_core.certs.index import Index, Issued

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def issued(name: str, serial: str, days: int = 10) -> Issued:
    return Issued(name, serial, NOW + days * DAY)


def test_it_comes_back_from_its_file_as_it_was() -> None:
    index = Index().issue(issued("hall", "0A"), NOW).issue(issued("house", "F" * 40), NOW).revoke("hall", NOW)
    assert Index.parse("index.json", index.dump()) == index
    assert index.dump().count(b"\n") > 10  # for people


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b'{"version": 2}', b'{"issue": []}', b'{"version": 1, "revocations": -1}'),
        b'{"issued": [{"name": "hall", "serial": "xyz", "until": "2027-01-01T00:00:00Z"}]}',
        b'{"issued": [{"name": "hall", "serial": "0A", "until": "2027-01-01T00:00:00"}]}',
        b'{"issued": [{"name": "hall", "serial": "0A"}]}',
    ],
)
def test_what_is_none_is_named(data: bytes) -> None:
    with pytest.raises(sig.ConfigError, match=r"home/index\.json: it is damaged: .*; bring it back from a backup"):
        Index.parse("home/index.json", data)


def test_all_good_ones_of_a_name_are_revoked_at_once() -> None:
    index = Index()
    for each in (issued("hall", "0A"), issued("hall", "0B", 20), issued("house", "0C"), issued("hall", "0D", -1)):
        index = index.issue(each, NOW)
    assert [each.serial for each in index.valid("hall", NOW)] == ["0A", "0B"]
    after = index.revoke("hall", NOW)
    assert after.valid("hall", NOW) == []
    assert [each.serial for each in after.revoked(NOW)] == ["0A", "0B"]
    assert after.revocations == 1
    assert after.is_revoked("0B") and not after.is_revoked("0C")
    assert index.revoked(NOW) == []  # the old one is as it was


def test_what_is_over_leaves_the_index_and_the_list_but_is_never_renewed() -> None:
    index = Index().issue(issued("old", "0A", 1), NOW).issue(issued("bad", "0B", 1), NOW).revoke("bad", NOW)
    later = NOW + 40 * DAY
    index = index.issue(Issued("hall", "0C", later + DAY), later)
    assert not index.knows("old") and index.knows("bad")
    assert index.is_revoked("0B") and index.revoked(later) == []
