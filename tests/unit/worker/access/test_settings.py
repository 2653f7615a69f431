"""The address that a worker listens at, and the token it needs for that."""

from __future__ import annotations

import socket

import pytest

from ktrdr.errors import ArgumentInvalid
from ktrdr.worker.access.settings import Access, listen, url_of

TOKEN = "a-token-of-thirty-two-characters!"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.9.1"])
def test_loopback_needs_no_token(host: str) -> None:
    with listen(host, 0, Access()) as listening:
        assert url_of(listening).startswith("http://1")


def test_answers_do_not_wait_for_an_acknowledgement() -> None:
    """Only for a socket that names its protocol does asyncio turn Nagle's algorithm off."""
    with listen("127.0.0.1", 0, Access()) as listening:
        assert listening.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_address_that_others_reach_needs_one(host: str) -> None:
    with pytest.raises(ArgumentInvalid, match="needs a token"):
        listen(host, 0, Access())


def test_with_a_token_it_may_be_reached() -> None:
    with listen("0.0.0.0", 0, Access(TOKEN)) as listening:
        assert url_of(listening).startswith("http://0.0.0.0:")


@pytest.mark.parametrize("token", ["short", "x" * 31, "x" * 31 + " ", "x" * 40 + "\n", "\u00fc" * 40])
def test_a_token_that_is_none(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_API_TOKEN", token)
    with pytest.raises(ArgumentInvalid, match="KTRDR_API_TOKEN") as caught:
        Access.from_environment()
    assert token not in str(caught.value)


def test_no_token_is_no_authentication(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KTRDR_API_TOKEN", raising=False)
    assert Access.from_environment().token is None
    monkeypatch.setenv("KTRDR_API_TOKEN", "")
    assert Access.from_environment().token is None
    monkeypatch.setenv("KTRDR_API_TOKEN", TOKEN)
    assert Access.from_environment().token == TOKEN


def test_ports_and_hosts_that_are_none() -> None:
    with pytest.raises(ArgumentInvalid, match="--port"):
        listen("127.0.0.1", 65_536, Access())
    with pytest.raises(ArgumentInvalid, match="--host"):
        listen("no such host", 0, Access())


def test_a_port_that_is_taken() -> None:
    with listen("127.0.0.1", 0, Access()) as taken, pytest.raises(ArgumentInvalid, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1], Access())
