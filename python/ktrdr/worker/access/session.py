"""Sessions of browsers: a signed cookie that every worker with the same token accepts, until its end or a sign-out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path

from ktrdr.errors import StorageUnavailable
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


class SignedOut:
    """Sessions that their owner has ended before their time: one empty file each, for every worker of a data folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cookie, signed_out = open_session("t" * 32), SignedOut(Path(folder) / "signed_out")
    ...     before = cookie in signed_out
    ...     signed_out.add(cookie)
    ...     before, cookie in signed_out
    (False, True)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, cookie: str) -> None:
        """Ends a session, and forgets those that have ended by their time; raises ``StorageUnavailable``."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _name(cookie)).touch()
            for file in self._folder.iterdir():
                if time.time() - file.stat().st_mtime > SESSION_SECONDS:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"the sign-out cannot be kept: {error.strerror}") from None

    def __contains__(self, cookie: object) -> bool:
        """Returns True for the cookie of a session that was ended; its signature must be right."""
        return (self._folder / _name(str(cookie))).exists()


def _name(cookie: str) -> str:
    """Returns the random part of a cookie whose signature is right."""
    return cookie.split(".")[1]


def same_token(given: bytes, token: str) -> bool:
    """Compares a given token with the service's, in constant time for every length."""
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(token.encode()).digest())


def _signature(content: str, token: str) -> str:
    key = hmac.digest(token.encode(), b"ktrdr session", "sha256")
    return hmac.digest(key, content.encode(), "sha256").hex()
