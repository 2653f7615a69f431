"""Bodies: counted while they come, and strict JSON."""

from __future__ import annotations

import json

import pytest

from ktrdr.errors import JsonInvalid
from ktrdr.worker.access.bodies import MAX_BYTES, MAX_DEPTH, BodyMiddleware, check_json
from support.process.asgi import ask, hello

APP = BodyMiddleware(hello)


def test_a_body_is_handed_on_whole() -> None:
    said = ask(APP, "POST", "/", {"content-length": "8"}, [b'{"a"', b": 1}"])
    assert (said.status, said.body) == (200, b'hello {"a": 1}')


def test_no_body_is_no_json() -> None:
    assert ask(APP, "POST", "/").status == 200
    assert ask(APP, "POST", "/", {"content-length": "0"}).status == 200


def test_an_announced_length_is_refused_unread() -> None:
    said = ask(APP, "POST", "/", {"content-length": str(MAX_BYTES + 1)})
    assert (said.status, said.code, said.headers["connection"]) == (413, "body_too_large", "close")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_endless_body_is_counted(method: str) -> None:
    piece = b" " * 65_536
    said = ask(APP, method, "/", {"transfer-encoding": "chunked"}, [piece] * (MAX_BYTES // len(piece) + 1))
    assert (said.status, said.code) == (413, "body_too_large")


def test_the_limit_itself_is_allowed() -> None:
    body = b'"' + b"x" * (MAX_BYTES - 2) + b'"'
    assert ask(APP, "POST", "/", {"transfer-encoding": "chunked"}, [body]).status == 200


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "body",
    [b"{", b"}", b"{'a': 1}", b'{"a": 1,}', b"\xff", b"\xef\xbb\xbf{}", b"nul", b"1 2", b'{"a": NaN}', b"[Infinity]",
     b'{"a": 1, "a": 2}', b'"\\ud800"', b'{"\\u0000": 1}', b'["a\\u0000"]', b"9" * 5_000, deep(MAX_DEPTH + 1),
     deep(100_000), b'{"a":' * 40 + b"1" + b"}" * 40, b"\0"],
)  # fmt: skip
def test_what_is_no_json(body: bytes) -> None:
    said = ask(APP, "POST", "/", {"content-length": str(len(body))}, [body])
    assert (said.status, said.code) == (400, "json_invalid")
    assert b"Traceback" not in said.body


@pytest.mark.parametrize("number", ["1e309", "-1e309", "9" * 400])
def test_a_number_that_no_float_holds(number: str) -> None:
    body = f'{{"initial_capital": {number}}}'.encode()
    said = ask(APP, "POST", "/", {"content-length": str(len(body))}, [body])
    assert (said.status, said.code) == (400, "json_invalid")


@pytest.mark.parametrize("body", [b"{}", b" 1 ", deep(MAX_DEPTH), '{"name": "M\u00fcnchen \U0001f600"}'.encode()])
def test_what_is(body: bytes) -> None:
    said = ask(APP, "POST", "/", {"content-length": str(len(body))}, [body])
    assert (said.status, said.body) == (200, b"hello " + body)


def test_the_place_is_named() -> None:
    with pytest.raises(JsonInvalid, match="line 2, column 5"):
        check_json(b'{\n"a" 1}')


def test_thousands_of_keys_are_refused_before_each_is_looked_up() -> None:
    body = json.dumps({f"key{number}": 1 for number in range(20_000)}).encode()
    said = ask(APP, "POST", "/", {"content-length": str(len(body))}, [body])
    assert (said.status, said.code) == (400, "json_invalid")
    check_json(json.dumps({f"key{number}": 1 for number in range(1_000)}).encode())
