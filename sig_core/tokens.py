"""Tokens: what a client shows to say who it is; and their digests, which are all that a server keeps.

A token is 256 random bits, so that nobody finds it by trying; that is why a plain SHA-256 is enough as its digest. A
password, which people choose, would need a slow one. Errors name no token.
"""

from __future__ import annotations

import os
import re
from hashlib import sha256

from sig_core.errors import ConfigError

__all__ = ["LONGEST", "checked", "digest", "is_digest", "new_token"]

LONGEST = 4_096  # characters
BITS = 256
MARK = "sig_"  # so that who finds one in a place where it should not be knows what it is
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def new_token() -> str:
    """Return a new token: 256 random bits as text, one word to a terminal and to a shell."""
    return f"{MARK}{os.urandom(BITS // 8).hex()}"


def digest(token: str) -> str:
    """Return what a file of rules has in place of a token: `sha256:`, and 64 digits in lower case.

    Args:
        token: see `checked`.

    Raises:
        ConfigError: it can be no token.
    """
    return f"sha256:{sha256(checked(token).encode()).hexdigest()}"


def is_digest(text: str) -> bool:
    """Return whether text is what `digest` returns."""
    return _DIGEST.fullmatch(text) is not None


def checked(text: str) -> str:
    """Return the token that a text is, such as what a file holds: without space and line ends round it.

    Args:
        text: 1 to 4,096 characters that can be printed, no space among them.

    Raises:
        ConfigError: it can be no token; says why, and not what it is.
    """
    token = text.strip()
    if not token:
        raise ConfigError("a token is empty; sig token new makes one")
    if len(token) > LONGEST:
        raise ConfigError(f"a token has more than {LONGEST:,} characters; is it the right file?")
    if not token.isprintable() or " " in token:
        raise ConfigError("a token has spaces, line ends or control characters; is it the right file?")
    return token
