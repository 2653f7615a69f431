"""Promises about an answer: its documented shape, its length, strict queries, one operation a key."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ktrdr import _core
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from ktrdr.worker.views import ErrorBody
from support.process.processes import Place, furnish
from support.process.service import Service, events, service

START = {"symbol": "EURUSD", "timeframe": "1h", "start_date": "2024-01-20", "end_date": "2024-12-31"}
UNKNOWN = "/operations/backtest_0123456789abcdef"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("answers")
    return Place(furnish(folder / "data", 100, ()), f"sqlite:///{folder / 'ktrdr.db'}")


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    with service(place) as found:
        yield found


@pytest.fixture(scope="module")
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as found:
        yield found


@pytest.fixture(scope="module")
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [("POST", "/backtests/start", {}), ("POST", "/backtests/start", [1]), ("GET", UNKNOWN, None),
     ("POST", f"{UNKNOWN}/resume", {"stored": 1}), ("GET", "/operations?limit=0", None), ("PUT", "/operations", {}),
     ("POST", "/backtests/start", START | {"strategy_name": "v3_minimall"})],
)  # fmt: skip
def test_errors_have_the_shape_that_openapi_gives_them(
    client: httpx.Client, verb: str, path: str, body: object
) -> None:
    error = ErrorBody.model_validate_json(client.request(verb, path, json=body).text).error
    assert error.what in error.message
    described = client.get("/openapi.json").json()
    for verbs in described["paths"].values():
        for facts in verbs.values():
            for status in ("422", "default"):
                schema = facts["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorBody"}
    assert set(described["components"]["schemas"]["ErrorFacts"]["properties"]) == {"code", "message", "what"}


def test_the_metrics_are_the_cores_catalogue(client: httpx.Client) -> None:
    found = client.get("/catalog/metrics").json()
    assert tuple(found["kinds"]) == _core.METRIC_KINDS
    assert {metric.pop("name"): metric for metric in found["metrics"]} == _core.METRICS
    described = client.get("/openapi.json").json()["components"]["schemas"]["ResultView"]["properties"]["metrics"]
    assert set(described["properties"]) == set(_core.METRICS)
    sharpe = described["properties"]["sharpe"]["description"]
    assert sharpe == f"{_core.METRICS['sharpe']['definition']} (ratio)"


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [("/operations?state=running", "state", "did you mean status?"), (f"{UNKNOWN}/events?aftr=1", "aftr", "after"),
     ("/workers?x=1", "x", "none"), ("/operations?page=2", "page", "cursor"),
     (f"{UNKNOWN}/results?{'x' * 5_000}=1", "xxx", "")],
)  # fmt: skip
def test_a_parameter_that_no_route_knows(client: httpx.Client, query: str, field: str, hint: str) -> None:
    said = client.get(query)
    error = said.json()["error"]
    assert (said.status_code, error["code"]) == (422, "request_invalid")
    assert error["field"].startswith(field)
    assert hint in error["hint"]
    assert len(said.text) < 500


@pytest.mark.parametrize("field", ["symbol", "timeframe", "start_date", "strategy_name", "execution", "x" * 900_000])
def test_no_answer_repeats_a_long_value(client: httpx.Client, field: str) -> None:
    said = client.post("/backtests/start", json=START | {"strategy_name": "v3_minimal", field: "y" * 100_000})
    assert said.status_code == 422
    assert len(said.text) < 1_500


def test_one_key_given_by_twenty_at_once_is_one_operation(client: httpx.Client, running: Service) -> None:
    body = START | {"strategy_name": "v3_minimal", "model_id": "nobody/1h_v1", "idempotency_key": "rush"}

    def start(_: int) -> tuple[int, str]:
        said = httpx.post(f"{running.url}/backtests/start", json=body, trust_env=False, timeout=60)
        return said.status_code, said.json()["operation_id"]

    with ThreadPoolExecutor(20) as pool:
        ((status, name),) = set(pool.map(start, range(20)))
    assert status == 202
    assert client.delete(f"/operations/{name}").json()["status"] == "cancelled"


@pytest.mark.parametrize("part", ["results", "trades", "equity"])
def test_nothing_of_a_run_is_given_before_its_end(client: httpx.Client, place: Place, store: Store, part: str) -> None:
    running = store.begin_here("backtest", place.request().to_spec(), Owner.me())
    for status in ("running", "cancelled"):
        said = client.get(f"/operations/{running.operation.id}/{part}")
        assert (said.status_code, said.json()["error"]["code"]) == (409, "not_completed")
        assert said.json()["error"]["status"] == status
        client.delete(f"/operations/{running.operation.id}")
        if status == "running":
            store.force_cancel(running.operation.id, store.get(running.operation.id).epoch)


def test_who_comes_back_to_a_run_that_was_let_go_hears_so(client: httpx.Client, place: Place, store: Store) -> None:
    left = store.begin_here("backtest", place.request().to_spec(), Owner.me())
    store.beat(left.lease, {"bar": 1})
    store.release(left.lease)
    with events(client, left.operation.id, after=store.get(left.operation.id).progress_seq) as stream:
        assert next(stream)["data"]["status"] == "interrupted"
    store.delete(left.operation.id)
