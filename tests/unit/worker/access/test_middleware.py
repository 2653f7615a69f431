"""The gate: who may call, from where, and in which form; every rule with what it lets through."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from ktrdr.worker.access.middleware import AccessMiddleware
from ktrdr.worker.access.session import COOKIE, open_session
from ktrdr.worker.access.settings import Access
from ktrdr.worker.guard import guesses
from support.process.asgi import Said, ask, hello

TOKEN = "a-token-of-thirty-two-characters!"


def form(status: int) -> Response:
    """A stand-in for the page with the login form."""
    return Response("form", status)


OPEN = AccessMiddleware(hello, Access(), form)
CLOSED = AccessMiddleware(hello, Access(TOKEN), form)
HOST = {"host": "localhost:8000"}
JSON = {"content-type": "application/json"}
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong tokens are answered at once here; `test_guesses` is about the pauses."""
    monkeypatch.setattr(guesses, "LONGEST_PAUSE_S", 0.0)


def session() -> dict[str, str]:
    return {"cookie": f"{COOKIE}={open_session(TOKEN)}"}


def get(gate: AccessMiddleware, path: str = "/operations", **headers: str) -> Said:
    return ask(gate, "GET", path, HOST | {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:8000"])
def test_names_of_this_service(host: str) -> None:
    assert ask(OPEN, "GET", "/operations", {"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "localhost:8000.evil.example", "evil.example:localhost",
     "user@localhost", "localhost/x", "localhost:", "127.0.0.1.", "[::1", "::1", "0.0.0.0:8000", "local host"],
)  # fmt: skip
def test_other_hosts(host: str) -> None:
    said = ask(OPEN, "GET", "/operations", {"host": host})
    assert (said.status, said.code) == (403, "host_not_allowed")


@pytest.mark.parametrize("name", ["host", "authorization", "origin", "content-type", "cookie", "sec-fetch-site"])
def test_what_decides_about_access_is_said_once(name: str) -> None:
    """A proxy in front may have judged the other one."""
    twice = HOST | {name: "localhost", name.upper(): "localhost"}
    said = ask(OPEN, "GET", "/operations", twice)
    assert (said.status, said.code, said.headers["connection"]) == (400, "http_invalid", "close")


@pytest.mark.parametrize("headers", [{"x": "y" * 70_000}, {f"x-{number}": "y" for number in range(120)}])
def test_a_head_that_is_too_large_ends_the_connection(headers: dict[str, str]) -> None:
    said = ask(OPEN, "GET", "/health", HOST | headers)
    assert (said.status, said.code, said.headers["connection"]) == (400, "http_invalid", "close")


def test_no_host_at_all() -> None:
    assert ask(OPEN, "GET", "/operations").code == "host_not_allowed"


def test_the_list_of_hosts_replaces_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_ALLOWED_HOSTS", "Worker-1, ")
    gate = AccessMiddleware(hello, Access.from_environment(), form)
    assert ask(gate, "GET", "/operations", {"host": "worker-1:8000"}).status == 200
    assert ask(gate, "GET", "/operations", HOST).code == "host_not_allowed"


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_open_routes_ask_nothing_and_only_for_reading(path: str) -> None:
    assert ask(CLOSED, "GET", path).status == ask(CLOSED, "HEAD", path, {"host": "probe"}).status == 200
    assert ask(CLOSED, "POST", path, HOST | JSON).code == "auth_required"
    assert ask(CLOSED, "GET", f"{path}/", HOST).code == "auth_required"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_site_may_not_call(site: str, method: str) -> None:
    """Another port of this machine is the same site, and not this service."""
    said = ask(OPEN, method, "/operations", HOST | JSON | {"sec-fetch-site": site})
    assert (said.status, said.code) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://localhost:3000", "http://localhost", "http://[", "localhost:8000"],
)
def test_another_origin_may_not_call(origin: str) -> None:
    said = ask(OPEN, "POST", "/operations", HOST | JSON | {"origin": origin})
    assert (said.status, said.code) == (403, "host_not_allowed")


def test_the_own_page_may_call() -> None:
    own = HOST | JSON | {"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}
    assert ask(OPEN, "POST", "/operations", own).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_what_changes_something_is_json(method: str, kind: str | None) -> None:
    said = ask(OPEN, method, "/operations", HOST | ({} if kind is None else {"content-type": kind}))
    assert (said.status, said.code) == (415, "content_type")


def test_json_with_a_charset_passes() -> None:
    assert ask(OPEN, "POST", "/x", HOST | {"content-type": "Application/JSON; charset=utf-8"}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "given",
    [{}, {"authorization": ""}, {"authorization": TOKEN}, {"authorization": f"Basic {TOKEN}"},
     {"authorization": f"Bearer {TOKEN}x"}, {"authorization": f"Bearer {TOKEN[:-1]}"}, {"authorization": "Bearer"},
     {"authorization": f"Bearer {TOKEN.upper()}"}, {"authorization": "Bearer \xff"}],
)  # fmt: skip
def test_a_wrong_token_on_any_verb(method: str, given: dict[str, str]) -> None:
    said = ask(CLOSED, method, "/operations", HOST | JSON | given)
    assert (said.status, said.code, said.headers["www-authenticate"]) == (401, "auth_required", "Bearer")
    assert TOKEN.encode() not in said.body


def test_the_token_opens_every_verb() -> None:
    assert {ask(CLOSED, verb, "/x", HOST | JSON | BEARER).status for verb in ("GET", "POST", "DELETE")} == {200}


def test_a_wrong_bearer_is_not_saved_by_a_session() -> None:
    assert ask(CLOSED, "GET", "/x", HOST | session() | {"authorization": "Bearer x"}).code == "auth_required"


def test_a_session_reads() -> None:
    assert ask(CLOSED, "GET", "/x", HOST | session()).status == 200
    assert ask(CLOSED, "GET", "/x", HOST | session() | {"sec-fetch-site": "same-origin"}).status == 200
    assert ask(CLOSED, "GET", "/x", HOST | session() | {"sec-fetch-site": "none"}).status == 200
    assert ask(CLOSED, "GET", "/x", HOST | session() | {"sec-fetch-site": "cross-site"}).code == "host_not_allowed"


def test_a_session_changes_things_only_from_its_own_page() -> None:
    own = {"origin": "http://localhost:8000"}
    assert ask(CLOSED, "POST", "/x", HOST | JSON | session() | own).status == 200
    assert ask(CLOSED, "POST", "/x", HOST | JSON | session()).code == "host_not_allowed"


@pytest.mark.parametrize(
    "cookie", ["", "x", f"{COOKIE}=", f"{COOKIE}=x.y.z", f"{COOKIE}={TOKEN}", "=;;=", f"{COOKIE}=\xff"]
)
def test_what_is_no_session(cookie: str) -> None:
    assert ask(CLOSED, "GET", "/x", HOST | {"cookie": cookie}).code == "auth_required"


def test_strangers_reach_the_login_and_nothing_beside_it() -> None:
    assert ask(CLOSED, "GET", "/", HOST).status == 200
    assert ask(CLOSED, "POST", "/session", HOST | JSON).status == 200
    assert ask(CLOSED, "POST", "/", HOST | JSON).code == "auth_required"
    assert ask(CLOSED, "GET", "/session", HOST).code == "auth_required"
    assert ask(CLOSED, "GET", "/", HOST | {"authorization": "Bearer wrong"}).code == "auth_required"


def test_every_answer_forbids_sniffing_and_caching() -> None:
    for said in (ask(OPEN, "GET", "/x", HOST), ask(OPEN, "GET", "/x", {"host": "evil.example"})):
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["cache-control"] == "no-store"
