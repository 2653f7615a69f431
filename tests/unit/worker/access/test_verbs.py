"""HEAD is the head of GET, OPTIONS names the verbs of an address, and any other verb is refused with the same list."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.types import ASGIApp

from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.document import document_of
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import create_api, create_app
from ktrdr.worker.service import Service
from support.process.asgi import ask

HOST = {"host": "localhost", "content-type": "application/json"}
TOKEN = "a-token-of-thirty-two-characters!"
ONE = "/operations/backtest_0123456789abcdef"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    store = Store.open(f"sqlite:///{tmp_path / 'ktrdr.db'}")
    return Service.of(store, Runner(store, 1), Access())


@pytest.fixture
def app(service: Service) -> ASGIApp:
    return create_app(service)


@pytest.mark.parametrize("path", ["/operations", "/workers", "/", "/dashboard/events", "/metrics"])
def test_head_has_the_head_of_get_and_no_body(app: ASGIApp, path: str) -> None:
    """The list's stream of events ends, too: nobody reads it."""
    head = ask(app, "HEAD", path, HOST)
    assert (head.status, head.body) == (200, b"")
    assert "frame-ancestors 'none'" in head.headers["content-security-policy"]
    if path == "/operations":
        assert head.headers["content-length"] == ask(app, "GET", path, HOST).headers["content-length"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/operations", "GET, HEAD, OPTIONS"), (ONE, "DELETE, GET, HEAD, OPTIONS"), (f"{ONE}/cancel", "OPTIONS, POST")],
)
@pytest.mark.parametrize("verb", ["OPTIONS", "PUT", "PATCH", "TRACE", "FOO", "get"])
def test_other_verbs_hear_which_there_are(app: ASGIApp, path: str, allowed: str, verb: str) -> None:
    said = ask(app, verb, path, HOST)
    assert said.headers["allow"] == allowed
    assert said.status == (204 if verb == "OPTIONS" else 405)
    if verb != "OPTIONS":
        assert said.code == "request_invalid"


@pytest.mark.parametrize("verb", ["TRACE", "FOO", "PUT", "POST", "DELETE"])
def test_a_verb_that_an_address_does_not_have_needs_no_content_type(app: ASGIApp, verb: str) -> None:
    said = ask(app, verb, "/operations", {"host": "localhost"})
    assert (said.status, said.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("verb", ["HEAD", "OPTIONS", "GET", "FOO"])
def test_an_address_that_is_none_has_no_verbs(app: ASGIApp, verb: str) -> None:
    assert ask(app, verb, "/nowhere", HOST).status == 404


class TestDocument:
    def test_a_guarded_service_says_how_to_come_in(self, service: Service) -> None:
        api = create_api(service)
        plain = api.openapi()
        assert "security" not in plain
        guarded = document_of(api, guarded=True)()
        assert guarded["security"] == [{"token": []}, {"session": []}]
        assert set(guarded["components"]["securitySchemes"]) == {"token", "session"}
        assert guarded["paths"]["/health"]["get"]["security"] == guarded["paths"]["/session"]["post"]["security"] == []
        assert "security" not in guarded["paths"]["/operations"]["get"]

    def test_every_field_of_a_body_is_described(self, service: Service) -> None:
        bodies = create_api(service).openapi()["components"]["schemas"]
        silent = [
            f"{name}.{field}"
            for name, schema in bodies.items()
            if name.endswith("Body") and name != "ErrorBody"
            for field, facts in schema.get("properties", {}).items()
            if "description" not in facts
        ]
        assert silent == []

    def test_every_body_is_required(self, service: Service, app: ASGIApp) -> None:
        paths = document_of(create_api(service), guarded=False)()["paths"]
        bodies = {(verb, path): facts["requestBody"] for path, verbs in paths.items()
                  for verb, facts in verbs.items() if "requestBody" in facts}  # fmt: skip
        assert len(bodies) > 10 and all(body["required"] for body in bodies.values())
        assert ask(app, "POST", "/operations/backtest_1/cancel", {"host": HOST["host"]}).status == 415

    def test_the_page_is_refused_as_a_page(self, service: Service, app: ASGIApp) -> None:
        answers = create_api(service).openapi()["paths"]["/"]["get"]["responses"]
        said = ask(app, "GET", "/?cursor=%00&kind=0", HOST | {"accept": "text/html"})
        assert said.headers["content-type"].partition(";")[0] in answers.get(str(said.status), {})["content"]

    def test_an_id_has_a_pattern(self, service: Service) -> None:
        (first, *_) = create_api(service).openapi()["paths"]["/operations/{operation_id}"]["get"]["parameters"]
        assert first["schema"]["pattern"].startswith("^[a-z0-9_]")

    def test_an_answer_that_names_an_operation_links_to_its_routes(self, service: Service) -> None:
        paths = document_of(create_api(service), guarded=False)()["paths"]
        started = paths["/backtests/start"]["post"]["responses"]["202"]["links"]
        cancel = paths["/operations/{operation_id}/cancel"]["post"]["operationId"]
        there = {"operation_id": "$response.body#/operation_id"}
        assert started["post cancel"] == {"operationId": cancel, "parameters": there}
        assert started.keys() >= {"get", "delete", "get results", "get trades", "post resume", "post delete"}
        assert paths["/paper/start"]["post"]["responses"]["202"]["links"].keys() == started.keys() | {
            "post kill", "post stop", "get log",
        }  # fmt: skip
        listed = paths["/operations"]["get"]["responses"]["200"]["links"]["get"]["parameters"]
        assert listed == {"operation_id": "$response.body#/operations/0/operation_id"}
        assert "links" not in paths["/workers"]["get"]["responses"]["200"]
