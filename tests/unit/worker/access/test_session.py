"""Sessions: signed, limited in time, good at any worker of the same token."""

from __future__ import annotations

import time

import pytest

from ktrdr.worker.access import session
from ktrdr.worker.access.session import SESSION_SECONDS, is_open, open_session, same_token

TOKEN = "a-token-of-thirty-two-characters!"


def test_a_session_is_good_for_its_token_alone() -> None:
    cookie = open_session(TOKEN)
    assert is_open(cookie, TOKEN)
    assert not is_open(cookie, TOKEN[::-1])
    assert TOKEN not in cookie
    assert cookie != open_session(TOKEN)


def test_any_changed_character_closes_it() -> None:
    cookie = open_session(TOKEN)
    for place, character in enumerate(cookie):
        other = "0" if character != "0" else "1"
        assert not is_open(cookie[:place] + other + cookie[place + 1 :], TOKEN)


def test_it_ends_after_twelve_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = open_session(TOKEN)
    now = time.time()
    monkeypatch.setattr(session.time, "time", lambda: now + SESSION_SECONDS - 2)
    assert is_open(cookie, TOKEN)
    monkeypatch.setattr(session.time, "time", lambda: now + SESSION_SECONDS + 1)
    assert not is_open(cookie, TOKEN)


def test_tokens_of_any_length_are_compared() -> None:
    assert same_token(TOKEN.encode(), TOKEN)
    assert not any(same_token(given, TOKEN) for given in (b"", TOKEN[:-1].encode(), TOKEN.encode() + b"\0", b"\xff"))
