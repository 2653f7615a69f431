"""Sessions of browsers: a signed cookie that every worker with the same token accepts."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from ktrdr.time import SECONDS_PER_UNIT

COOKIE = "ktrdr_session"
SESSION_SECONDS = 12 * SECONDS_PER_UNIT["h"]


def open_session(token: str) -> str:
    """Returns a new session's cookie: its end, a random part, and a signature over both.

    >>> is_open(open_session("t" * 32), "t" * 32), is_open(open_session("t" * 32), "u" * 32)
    (True, False)
    """
    content = f"{int(time.time()) + SESSION_SECONDS}.{secrets.token_hex(16)}"
    return f"{content}.{_signature(content, token)}"


def is_open(cookie: str, token: str) -> bool:
    """Returns True if the cookie was signed with this token and has not ended.

    >>> is_open("9999999999.00.ff", "t" * 32)
    False
    """
    content, _, signature = cookie.rpartition(".")
    if not hmac.compare_digest(_signature(content, token).encode(), signature.encode()):
        return False
    return int(content.partition(".")[0]) > time.time()


def same_token(given: bytes, token: str) -> bool:
    """Compares a given token with the service's, in constant time for every length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(token.encode()).digest())


def _signature(content: str, token: str) -> str:
    key = hmac.digest(token.encode(), b"ktrdr session", "sha256")
    return hmac.digest(key, content.encode(), "sha256").hex()
