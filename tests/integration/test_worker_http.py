"""The worker's service over real sockets: runs, events, refusals; the store is SQLite."""

from __future__ import annotations

import html
import io
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import yaml
from fastapi.routing import APIRoute

from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Claim, Status
from ktrdr.operations.owner import Owner
from ktrdr.operations.store.store import Store
from ktrdr.report.backtest import backtest_report
from ktrdr.worker.app import ROUTES
from support.decision.replays import csv_of
from support.inputs import worlds
from support.process.processes import Place, furnish, strategy, wait_for
from support.process.service import TOKEN, Service, code_of, events, service, whole_answer

UNKNOWN = "backtest_0123456789abcdef"
SPECIFIED = {
    ("POST", "/research/start"), ("POST", "/walk-forwards/start"), ("POST", "/paper/start"), ("POST", "/sweeps/start"),
    *(("POST", f"/paper/{{operation_id}}/{verb}") for verb in ("kill", "stop")), ("GET", "/paper/{operation_id}/log"),
    ("POST", "/backtests/start"), ("POST", "/backtests/resume"), ("POST", "/trainings/start"), ("GET", "/operations"),
    ("GET", "/operations/{operation_id}"), ("DELETE", "/operations/{operation_id}"),
    *(("POST", f"/operations/{{operation_id}}/{verb}") for verb in ("resume", "restart", "fork", "cancel", "delete")),
    ("POST", "/operations/{operation_id}/note"), ("GET", "/catalog/metrics"),
    *(("GET", f"/operations/{{operation_id}}/{part}") for part in ("results", "report", "trades", "equity", "events")),
    ("GET", "/operations/{operation_id}/scenarios"),
    ("GET", "/operations/{operation_id}/explanation"),
    ("GET", "/workers"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"), ("GET", "/"),
    ("POST", "/session"), ("POST", "/session/end"),
}  # fmt: skip

PAGES = {
    "/dashboard/operations", "/dashboard/events", "/dashboard/compare",
    "/dashboard/models", "/dashboard/models/{strategy}/{version}", "/dashboard/workers", "/dashboard/workers/live",
    "/dashboard/dashboard.js", "/dashboard/dashboard.css",
    *(f"/dashboard/operations/{{operation_id}}{part}" for part in ("", "/live", "/curve", "/fork")),
    "/dashboard/start/{kind}",
}  # fmt: skip
"""For people; the document for programs leaves them out."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("service")
    settings = {"KTRDR_CHECKPOINT_SECONDS": "0.2", "KTRDR_STRATEGIES_DIR": str(folder / "strategies")}
    return Place(furnish(folder / "data", 30_000, ("mlp", "slow")), f"sqlite:///{folder / 'ktrdr.db'}", settings)


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Service]:
    """A worker without a token, with one slot."""
    with service(place) as found:
        yield found
        assert "Traceback" not in found.log
        assert "?" not in found.log


@pytest.fixture(scope="module")
def client(running: Service) -> Iterator[httpx.Client]:
    with running.client() as found:
        yield found


@pytest.fixture(scope="module")
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


@pytest.fixture
def mine(place: Place, store: Store) -> Iterator[Claim]:
    """A run of this test's own process: no worker takes it, every state can be made."""
    claim = store.begin_here("backtest", place.request().to_spec(), Owner.me())
    yield claim
    if store.get(claim.operation.id).status is Status.RUNNING:
        store.end(claim.lease, Status.CANCELLED)
    store.delete(claim.operation.id)


def start_body(kind: str = "mlp", **changes: Any) -> dict[str, Any]:
    body = {
        "strategy_yaml": yaml.safe_dump(strategy(kind), sort_keys=False), "symbol": "EURUSD", "timeframe": "1h",
        "start_date": "2024-01-20", "end_date": "2027-12-31", "threads": 1,
    }  # fmt: skip
    return {name: value for name, value in (body | changes).items() if value is not None}


def started(client: httpx.Client, **changes: Any) -> str:
    said = client.post("/backtests/start", json=start_body(**changes))
    assert said.status_code == 202, said.text
    operation_id: str = said.json()["operation_id"]
    return operation_id


def shown(client: httpx.Client, operation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/operations/{operation_id}").json()
    return found


def test_a_paper_run_is_started_killed_and_ended_over_http(place: Place, client: httpx.Client, store: Store) -> None:
    feed = place.folder / "feeds" / "mine.csv"
    feed.parent.mkdir()
    feed.write_text(csv_of(worlds.frame(320)[200:]))
    body = start_body(start_date=None, end_date=None, feed="mine", metrics={"periods_per_year": 252})
    said = client.post("/paper/start", json=body)
    assert said.status_code == 202, said.text
    run = said.json()["operation_id"]
    wait_for(lambda: (shown(client, run)["progress"] or {}).get("bars") == 120)
    assert client.post(f"/paper/{run}/kill", json={"reason": "enough"}).status_code == 200
    wait_for(lambda: shown(client, run)["progress"]["stopped"] == "enough", 2)
    log = client.get(f"/paper/{run}/log").json()["log"]
    assert log[0]["text"] == "kill switch: enough: no orders any more"
    assert client.post(f"/paper/{run}/stop", json={}).status_code == 200
    with events(client, run) as stream:
        assert next(event for event in stream if event["kind"] == "end")
    assert client.get(f"/operations/{run}/results").json()["result_hash"] == stored_results(store, run).result_hash
    assert client.get(f"/operations/{run}/equity").json()["equity"][-1]["bar"] > 120
    assert client.get(f"/paper/{run}/log").json()["log"][-1]["text"] == "stop was asked for"
    assert code_of(client.post(f"/paper/{run}/kill", json={"reason": "enough"})) == "already_completed"
    assert list((place.folder / "paper").glob(f"{run}.*"))
    assert client.post(f"/operations/{run}/delete").status_code == 200
    assert not list((place.folder / "paper").glob(f"{run}.*"))
    other = started(client, end_date="2024-01-22")
    assert code_of(client.post(f"/paper/{other}/kill", json={"reason": "enough"})) == "request_invalid"
    wait_status(client, other, "completed")
    store.delete(other)  # the list of completed runs is another test's


def wait_status(client: httpx.Client, operation_id: str, *wanted: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = shown(client, operation_id)
        return found if found["status"] in wanted else None

    found: dict[str, Any] = wait_for(look, 60, 0.05)
    return found


def training_body(**changes: Any) -> dict[str, Any]:
    file = strategy("mlp", name="taught")
    return {"strategy_yaml": yaml.safe_dump(file, sort_keys=False), "threads": 1, "device": "cpu"} | changes


def wait_bar(client: httpx.Client, operation_id: str, bar: int) -> None:
    wait_for(lambda: ((shown(client, operation_id)["progress"] or {}).get("bar") or 0) >= bar, 60)


# a run, from its start to its ledgers


@pytest.fixture(scope="module")
def whole(place: Place) -> BacktestResults:
    """The same run through the library."""
    return place.expected(end="2027-12-31")


@pytest.fixture(scope="module")
def done(client: httpx.Client) -> tuple[str, list[dict[str, Any]]]:
    """A completed run, and the events it was followed by."""
    operation_id = started(client)
    with events(client, operation_id) as stream:
        return operation_id, list(stream)


def test_events_lead_from_the_start_to_the_end(done: tuple[str, list[dict[str, Any]]]) -> None:
    operation_id, heard = done
    assert [event["kind"] for event in heard][-1] == "end"
    assert {event["kind"] for event in heard[:-1]} <= {"progress", "gap"}
    ids = [int(event["id"]) for event in heard if event["id"] is not None]
    assert ids == sorted(ids)
    last = heard[-1]["data"]
    assert (last["operation_id"], last["status"], last["error"]) == (operation_id, "completed", None)
    assert last["progress"]["percentage"] == 100.0
    assert last["progress"]["bar"] == last["progress"]["total_bars"] > 0
    assert last["model_id"] == "walker_mlp/1h_v1"


def test_a_result_over_http_is_the_librarys(
    client: httpx.Client, done: tuple[str, Any], whole: BacktestResults
) -> None:
    found = client.get(f"/operations/{done[0]}/results").json()
    assert found["result_hash"] == whole.result_hash
    assert found["identity"] == whole.identity
    assert found["metrics"] == dict(whole.metrics)
    assert found["trades"] == len(whole.trades)
    assert found["manifest"]["symbol"] == "EURUSD"


def test_the_report_of_a_run(client: httpx.Client, done: tuple[str, Any], place: Place, store: Store) -> None:
    """The page that the library makes, with candles from the worker's own bars."""
    found = client.get(f"/operations/{done[0]}/report")
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["content-security-policy"] == "frame-ancestors 'none'"
    assert found.text == backtest_report(stored_results(store, done[0]), place.folder)
    assert "Drawn without candles" not in found.text
    waiting = store.submit("backtest", {"n": 1}).id
    refused = client.get(f"/operations/{waiting}/report")
    assert (refused.status_code, code_of(refused)) == (409, "not_completed")
    store.request_cancel(waiting)
    store.delete(waiting)


def test_the_reasons_of_a_run(client: httpx.Client, done: tuple[str, Any], place: Place, store: Store) -> None:
    found = client.get(f"/operations/{done[0]}/explanation", params={"trade": [1, 3]}).json()
    expected = stored_results(store, done[0]).explain([1, 3], place.folder)
    assert [(one["trade"], one["event"]) for one in found["decisions"]] == [
        (1, "entry"), (1, "exit"), (3, "entry"), (3, "exit"),
    ]  # fmt: skip
    for one, other in zip(found["decisions"], expected.decisions, strict=True):
        assert one["inputs"][0]["words"] == other.inputs[0].words
        assert one["margin"] == pytest.approx(other.margin)
    refused = client.get(f"/operations/{done[0]}/explanation", params={"trade": 10**9})
    assert (refused.status_code, code_of(refused)) == (422, "request_invalid")


@pytest.mark.parametrize("table", ["trades", "equity"])
def test_ledgers_in_every_format(
    client: httpx.Client, done: tuple[str, Any], whole: BacktestResults, table: str
) -> None:
    expected: pl.DataFrame = getattr(whole, table)
    said = {
        kind: client.get(f"/operations/{done[0]}/{table}", headers={"accept": kind})
        for kind in ("text/csv", "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream", "*/*")
    }
    assert pl.read_parquet(io.BytesIO(said["application/vnd.apache.parquet"].content)).equals(expected)
    assert pl.read_ipc_stream(io.BytesIO(said["application/vnd.apache.arrow.stream"].content)).equals(expected)
    rows = said["*/*"].json()[table]
    assert len(rows) == len(expected) > 0
    first = "entry_time" if table == "trades" else "time"
    assert rows[0][first] == expected[first][0].strftime("%Y-%m-%dT%H:%M:%SZ")
    read = pl.read_csv(io.BytesIO(said["text/csv"].content))
    assert read.columns == expected.columns
    number = "net_pnl" if table == "trades" else "equity"
    assert read[number].to_list() == expected[number].to_list() == [row[number] for row in rows]
    refused = client.get(f"/operations/{done[0]}/{table}", headers={"accept": "image/png"})
    assert (refused.status_code, code_of(refused)) == (422, "request_invalid")


def test_operations_are_listed_newest_first_in_pages(client: httpx.Client, done: tuple[str, Any], store: Store) -> None:
    later = [store.submit("backtest", {"n": n}).id for n in range(3)]
    for operation_id in later:
        store.request_cancel(operation_id)
    page = client.get("/operations", params={"limit": 2}).json()
    assert [found["operation_id"] for found in page["operations"]] == later[:0:-1]
    after = client.get("/operations", params={"limit": 500, "cursor": page["next_cursor"]}).json()
    assert after["operations"][0]["operation_id"] == later[0]
    assert after["next_cursor"] is None
    completed = client.get("/operations", params={"status": "completed", "type": "backtest"}).json()["operations"]
    assert [found["operation_id"] for found in completed] == [done[0]]
    assert client.get("/operations", params={"type": "research"}).json()["operations"] == []
    for operation_id in later:
        store.delete(operation_id)


def test_one_key_and_body_are_one_operation(client: httpx.Client) -> None:
    body = start_body("slow", idempotency_key="morning-1")
    first, again = (client.post("/backtests/start", json=body) for _ in range(2))
    assert first.json()["operation_id"] == again.json()["operation_id"]
    other = client.post("/backtests/start", json=body | {"initial_capital": 5_000.0})
    assert (other.status_code, code_of(other)) == (409, "idempotency_conflict")
    client.post(f"/operations/{first.json()['operation_id']}/cancel")


def test_commission_and_slippage_stand_for_rates(client: httpx.Client, store: Store) -> None:
    name = started(client, kind="slow", commission=0.002, slippage=0.0, execution={"allow_short": False})
    client.post(f"/operations/{name}/cancel")
    expected = {"allow_short": False, "commission": {"rate": 0.002}, "slippage": {"rate": 0.0}}
    assert store.get(name).spec["execution"] == expected


def test_cancel_resume_restart_fork_delete(client: httpx.Client) -> None:
    name = started(client, kind="slow")
    at = f"/operations/{name}"
    wait_bar(client, name, 3_000)
    began_s = time.monotonic()
    assert client.post(f"{at}/cancel").json()["status"] == "cancelled"
    assert time.monotonic() - began_s < 2.0
    ended = client.delete(at)
    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    assert ended.json()["timings"]["ended_at"] is not None

    said = client.get(f"{at}/results")
    assert (said.status_code, code_of(said), said.json()["error"]["status"]) == (409, "not_completed", "cancelled")

    forked = client.post(f"{at}/fork", json={"execution": {"commission": {"rate": 0.0}}})
    assert forked.status_code == 202
    wait_status(client, forked.json()["operation_id"], "running")
    assert shown(client, forked.json()["operation_id"])["forked_from"]["operation"] == name
    assert client.delete(f"/operations/{forked.json()['operation_id']}").json()["status"] == "cancelled"

    assert client.post(f"{at}/resume").status_code == 202
    wait_status(client, name, "running")
    twice = client.post("/backtests/resume", json={"operation_id": name})
    assert (twice.status_code, code_of(twice)) == (409, "already_running")
    assert 0 < twice.json()["error"]["retry_after"] <= int(twice.headers["retry-after"]) <= 3
    kept = client.post(f"{at}/delete")
    assert (kept.status_code, code_of(kept)) == (409, "already_running")
    assert client.delete(at).json()["status"] == "cancelled"

    assert client.post(f"{at}/restart").json()["status"] == "pending"
    client.post(f"{at}/cancel")
    assert client.post(f"{at}/delete").json() == {"operation_id": name, "deleted": True}
    assert code_of(client.get(at)) == "not_found"


def test_a_completed_run_stays_as_it_is(client: httpx.Client, done: tuple[str, Any]) -> None:
    for verb in ("resume", "restart"):
        said = client.post(f"/operations/{done[0]}/{verb}")
        assert (said.status_code, code_of(said)) == (409, "already_completed")
    assert client.post(f"/operations/{done[0]}/cancel").json()["status"] == "completed"
    assert client.delete(f"/operations/{done[0]}").json()["status"] == "completed"


def test_a_name_that_means_something_else_by_now(client: httpx.Client, place: Place) -> None:
    folder = Path(place.settings["KTRDR_STRATEGIES_DIR"])
    folder.mkdir(exist_ok=True)
    file = strategy("mlp")
    (folder / "walker_mlp.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    name = started(client, strategy_name="walker_mlp", strategy_yaml=None)
    assert client.post(f"/operations/{name}/cancel").json()["status"] == "cancelled"
    file["decisions"] = {"confidence_threshold": 0.77}
    (folder / "walker_mlp.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    said = client.post(f"/operations/{name}/resume")
    assert (said.status_code, code_of(said)) == (409, "identity_mismatch")
    assert said.json()["error"]["part"] == "strategy"
    assert "confidence_threshold" in said.json()["error"]["message"]
    assert client.post(f"/operations/{name}/resume", json={"stored": True}).status_code == 202
    client.post(f"/operations/{name}/cancel")


def test_what_waits_says_why(client: httpx.Client) -> None:
    busy = started(client, kind="slow")
    wait_status(client, busy, "running")
    waiting = started(client)
    assert shown(client, waiting)["status"] == "pending"
    assert list(shown(client, waiting)["waiting"].values()) != ["no worker"]
    for operation_id in (waiting, busy):
        client.post(f"/operations/{operation_id}/cancel")
    bad = started(client, model_id="nobody/1h_v1")
    reasons = wait_for(lambda: [why for why in shown(client, bad)["waiting"].values() if "model" in why], 60, 0.1)
    assert reasons[0].startswith("model_not_found")
    assert reasons[0] in html.unescape(client.get("/").text)
    client.post(f"/operations/{bad}/cancel")


# event streams


def figures(bar: int) -> dict[str, Any]:
    return {"phase": "backtest", "percentage": bar / 10, "bar": bar, "total_bars": 1_000, "equity": 1e5, "trades": 3}


def test_events_come_from_the_store_with_gaps_marked(client: httpx.Client, store: Store, mine: Claim) -> None:
    name = mine.operation.id
    for bar in range(1, 6):
        store.beat(mine.lease, figures(bar))
    with events(client, name, after=2) as stream:
        assert next(stream) == {"kind": "gap", "id": None, "data": {"missed": 2}}
        assert (first := next(stream))["id"] == "5"
        assert first["data"]["progress"]["bar"] == 5
        store.beat(mine.lease, figures(6))
        assert next(stream)["id"] == "6"
        store.end(mine.lease, Status.FAILED, {"code": "data_empty", "message": "no bars"})
        last = list(stream)
    assert [(event["kind"], event["data"]["status"]) for event in last] == [("end", "failed")]
    assert last[0]["data"]["error"]["code"] == "data_empty"


def test_a_reader_comes_back_with_its_last_id(running: Service, store: Store, mine: Claim) -> None:
    for bar in range(1, 4):
        store.beat(mine.lease, figures(bar))
    with running.client() as client:
        client.headers["last-event-id"] = "2"
        with events(client, mine.operation.id) as stream:
            assert next(stream)["id"] == "3"
        client.headers["last-event-id"] = "3"
        with events(client, mine.operation.id) as stream:
            store.beat(mine.lease, figures(9))
            assert next(stream)["id"] == "4"


def test_events_come_at_most_four_times_a_second(client: httpx.Client, store: Store, mine: Claim) -> None:
    with events(client, mine.operation.id) as stream:
        next(stream)
        heard = 0
        until_s = time.monotonic() + 2.0
        for bar in range(1, 1_000):
            if time.monotonic() > until_s:
                break
            store.beat(mine.lease, figures(bar))
            time.sleep(0.02)
        store.end(mine.lease, Status.CANCELLED)
        heard = sum(event["kind"] == "progress" for event in stream)
    assert 4 <= heard <= 9


def hang(running: Service, operation_id: str, part: str = "events") -> socket.socket:
    """A reader that asks and never reads; it has little room for what comes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", running.port))
    connection.sendall(f"GET /operations/{operation_id}/{part} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection


def test_a_hundred_hung_readers_cost_next_to_nothing(
    running: Service, client: httpx.Client, store: Store, mine: Claim
) -> None:
    """Compared with a run, which takes a core at least; it reports twice a second."""

    def spent(seconds: float) -> float:
        began_s = running.cpu_s
        for beat in range(int(seconds * 2)):
            store.beat(mine.lease, figures(beat))
            time.sleep(0.5)
        return running.cpu_s - began_s

    # The first reader starts the poll that all others share: its price depends on the machine, theirs must be nothing.
    with ExitStack() as readers:
        readers.enter_context(hang(running, mine.operation.id))
        before = spent(5)
        for _ in range(99):
            readers.enter_context(hang(running, mine.operation.id))
        wait_for(lambda: "ktrdr_event_streams 100.0" in client.get("/metrics").text, 10, 0.5)
        together = spent(5)
        assert together - before < 0.02 * 5
        assert together < 0.1 * 5
        began_s = time.monotonic()
        assert client.get(f"/operations/{mine.operation.id}").status_code == 200
        with events(client, mine.operation.id) as stream:
            assert next(stream)["kind"] == "progress"
        assert time.monotonic() - began_s < 1.0
    wait_for(lambda: "ktrdr_event_streams 0.0" in client.get("/metrics").text, 10, 0.2)


# bad inputs


def post(path: str, body: Any = None, **more: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post(path, json=body, **more)


def started_with(**changes: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/backtests/start", json=start_body(**changes))


def training_with(**changes: Any) -> Callable[[httpx.Client], httpx.Response]:
    return lambda client: client.post("/trainings/start", json=training_body(**changes))


def sent(content: Any, **headers: str) -> Callable[[httpx.Client], httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda client: client.post("/backtests/start", content=content, headers=named)


def endless() -> Iterator[bytes]:
    while True:
        yield b" " * 65_536


ROWS = {
    "foreign host": (sent(b"{}", host="evil.example"), 403, "host_not_allowed", None),
    "cross-site": (sent(b"{}", sec_fetch_site="cross-site"), 403, "host_not_allowed", None),
    "cross-site without a body": (sent(b"", origin="http://evil.example"), 403, "host_not_allowed", None),
    "body too large": (sent(b'"' + b"x" * (1 << 20) + b'"'), 413, "body_too_large", None),
    "endless body": (sent(endless()), 413, "body_too_large", None),
    "wrong content type": (sent(b"{}", content_type="text/plain"), 415, "content_type", None),
    "no JSON": (sent(b"{"), 400, "json_invalid", None),
    "deep JSON": (sent(b"[" * 100_000), 400, "json_invalid", None),
    "no body": (sent(b""), 422, "request_invalid", "body"),
    "a body that is no object": (sent(b"[]"), 422, "request_invalid", "body"),
    "end before start": (started_with(end_date="2023-01-01"), 422, "request_invalid", "end_date"),
    "no date": (started_with(start_date="2024-02-30"), 422, "request_invalid", "start_date"),
    "unknown symbol": (started_with(symbol="EURUSDX"), 422, "request_invalid", "symbol"),
    "symbol that is a path": (started_with(symbol="../EURUSD"), 422, "request_invalid", "symbol"),
    "other timeframe": (started_with(timeframe="5m"), 422, "request_invalid", "timeframe"),
    "unknown field": (started_with(symbl="EURUSD"), 422, "request_invalid", "symbl"),
    "missing field": (started_with(symbol=None), 422, "request_invalid", "symbol"),
    "wrong type": (started_with(threads="2"), 422, "request_invalid", "threads"),
    "infinite capital": (sent(b'{"initial_capital": 1e999}'), 400, "json_invalid", None),
    "both strategies": (started_with(strategy_name="v3_minimal"), 422, "request_invalid", "strategy_yaml"),
    "no strategy": (started_with(strategy_yaml=None), 422, "request_invalid", "strategy_name"),
    "strategy that is a path": (
        started_with(strategy_yaml=None, strategy_name="../../etc/passwd"), 422, "request_invalid", "strategy_name",
    ),
    "unknown strategy": (
        started_with(strategy_yaml=None, strategy_name="v3_minimall"), 422, "config_not_found", "strategy_name",
    ),
    "model that is a path": (started_with(model_id="../x/1h_v1"), 422, "request_invalid", "model_id"),
    "misspelt rule": (
        started_with(execution={"exits": {"stop_los": {"rate": 0.01}}}), 422, "config_unknown_key", "execution",
    ),
    "rule given twice": (
        started_with(commission=0.1, execution={"commission": {"rate": 0.2}}), 422, "request_invalid", "commission",
    ),
    "strategy that is no YAML": (started_with(strategy_yaml="a: ["), 422, "config_document", "strategy_yaml"),
    "alias in a strategy": (started_with(strategy_yaml="a: &a 1\nb: *a"), 422, "config_alias", "strategy_yaml"),
    "key that is none": (started_with(idempotency_key="a b"), 422, "request_invalid", "idempotency_key"),
    "unknown operation": (post(f"/operations/{UNKNOWN}/cancel"), 404, "not_found", None),
    "unknown operation to resume": (post("/backtests/resume", {"operation_id": UNKNOWN}), 404, "not_found", None),
    "id that is none": (post("/backtests/resume", {"operation_id": "../x"}), 422, "request_invalid", "operation_id"),
    "argument of a call without any": (
        post(f"/operations/{UNKNOWN}/cancel", {"force": True}), 422, "request_invalid", "force",
    ),
    "no such verb": (lambda client: client.put("/operations", json={}), 405, "request_invalid", None),
    "training of no strategy": (post("/trainings/start", {"threads": 1}), 422, "request_invalid", "strategy_name"),
    "training with an unknown rule": (
        training_with(training={"epoch": 3}), 422, "config_unknown_key", "training",
    ),
    "training on a symbol that is not here": (training_with(symbols=["GBPUSD"]), 422, "request_invalid", "symbol"),
    "training on a symbol that is a path": (training_with(symbols=["../x"]), 422, "request_invalid", "symbols[0]"),
    "training from no date": (training_with(start_date="x"), 422, "request_invalid", "start_date"),
    "training with an unknown field": (training_with(epochs=3), 422, "request_invalid", "epochs"),
    "no such route": (post("/trainings"), 404, "not_found", None),
    "session without a token": (post("/session", {"token": TOKEN}), 404, "not_found", None),
    "unknown status": (lambda client: client.get("/operations?status=asleep"), 422, "request_invalid", "status"),
    "cursor that is none": (lambda client: client.get("/operations?cursor=%00"), 422, "request_invalid", "cursor"),
    "page of everything": (lambda client: client.get("/operations?limit=501"), 422, "request_invalid", "limit"),
    "events after nothing": (
        lambda client: client.get(f"/operations/{UNKNOWN}/events?after=-1"), 422, "request_invalid", "after",
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_bad_requests(client: httpx.Client, row: str) -> None:
    call, status, code, field = ROWS[row]
    said = call(client)
    assert (said.status_code, code_of(said)) == (status, code), said.text
    error = said.json()["error"]
    assert "\n" not in error["message"]
    if field is not None:
        assert error["field"] == field


def test_a_training_is_run_by_a_child_and_found_again(client: httpx.Client, place: Place) -> None:
    body = training_body(end_date="2024-06-30", training={"epochs": 2}, idempotency_key="taught-1", note="first")
    said = client.post("/trainings/start", json=body)
    assert said.status_code == 202, said.text
    name = said.json()["operation_id"]
    assert client.post("/trainings/start", json=body).json()["operation_id"] == name
    done = wait_status(client, name, "completed", "failed")
    assert (done["status"], done["type"], done["note"]) == ("completed", "training", "first")
    assert done["progress"]["epoch"] == 2 and done["title"] == "taught EURUSD 1h"
    result = client.get(f"/operations/{name}/results").json()
    assert result["model"] == "taught/1h_v1" and result["manifest"]["symbols"] == ["EURUSD"]
    assert len(result["manifest"]["history"]) == 2 and result["metrics"]["test_loss"] > 0
    assert (place.folder / "models" / "taught" / "1h_v1" / "model.safetensors").exists()
    assert [one["operation_id"] for one in client.get("/operations?type=training").json()["operations"]] == [name]
    refused = client.post(f"/operations/{name}/fork", json={})
    assert refused.status_code == 422 and "cannot be forked" in refused.text


def test_every_fault_of_a_strategy_is_listed(client: httpx.Client) -> None:
    broken = strategy("mlp") | {"nmae": "x", "metrics": {"periods_per_year": 0}, "decisions": {"num_classes": 4}}
    said = client.post("/backtests/start", json=start_body(strategy_yaml=yaml.safe_dump(broken, sort_keys=False)))
    assert said.status_code == 422
    error = said.json()["error"]
    assert error["field"] == "strategy_yaml" and error["message"] == error["faults"][0]["message"]
    assert {(fault["code"], fault["path"]) for fault in error["faults"]} == {
        ("config_unknown_key", "nmae"), ("config_range", "metrics.periods_per_year"),
        ("config_range", "decisions.num_classes"),
    }  # fmt: skip
    assert all(fault["line"] > 0 for fault in error["faults"])


@pytest.mark.parametrize(
    "name",
    ["..", "%2e%2e", "%2e%2e%2f%2e%2e", "%252e", "%00", f"{UNKNOWN}%00", f"{UNKNOWN}%0a", "backtest_x", "BACKTEST_0",
     "%ff%fe", "a" * 5_000, "..%5c..", f"{UNKNOWN}%2fx", "%", "%zz", "'%20OR%201=1"],
)  # fmt: skip
@pytest.mark.parametrize(
    "call", ["GET /operations/{}", "DELETE /operations/{}", "GET /operations/{}/events", "POST /operations/{}/resume"]
)
def test_ids_that_are_none(running: Service, name: str, call: str) -> None:
    line = call.format(name)
    said = running.raw(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")), said
    assert code_of(said) in ("not_found", "request_invalid")


@pytest.mark.parametrize(
    "text",
    [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
     b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
     b"POST /session HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
)  # fmt: skip
def test_requests_that_are_none(running: Service, text: bytes) -> None:
    assert running.raw(text).split(b" ", 2)[1] in (b"400", b"403")
    assert running.process.poll() is None


def test_an_endless_body_over_a_bare_socket_is_cut_off(running: Service) -> None:
    with running.connect() as connection:
        head = b"POST /backtests/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        sent_bytes = 0
        try:
            while sent_bytes < 64 << 20:
                connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                sent_bytes += 65_536
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent_bytes < 64 << 20
        assert b" 413 " in whole_answer(connection)


def test_who_sends_a_body_that_is_too_large_still_hears_why(running: Service) -> None:
    """The answer is on its way before the body is: a connection closed at once would take it along."""
    with running.connect() as connection:
        head = b"POST /backtests/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head + b"Content-Length: 3145728\r\n\r\n")
        for _ in range(6):
            time.sleep(0.05)
            connection.sendall(b" " * 524_288)
        assert b" 413 " in whole_answer(connection)


def test_a_run_that_crashed_three_times_says_so(client: httpx.Client, store: Store, mine: Claim) -> None:
    name = mine.operation.id
    for _ in range(3):
        store.count_crash(name, store.get(name).epoch)
    found = shown(client, name)
    assert (found["status"], found["error"]["code"]) == ("failed", "poisoned")
    assert code_of(client.get(f"/operations/{name}/results")) == "not_completed"


# what the service says of itself


def test_openapi_lists_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    listed = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    assert listed == SPECIFIED
    routes = {route.path for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)}
    assert routes == {path for _, path in SPECIFIED} | PAGES | {"/docs"}
    page = client.get("/docs").text
    assert all(f"<code>{verb} {path}</code>" in page for verb, path in SPECIFIED)
    assert all("schema" in paths[path][verb.lower()]["responses"]["422"]["content"]["application/json"]
               for verb, path in SPECIFIED if "{" in path)  # fmt: skip


def test_health_ready_workers_metrics(client: httpx.Client, running: Service) -> None:
    assert client.get("/health").json() == client.get("/ready").json() == {"status": "ok"}
    (worker,) = client.get("/workers").json()["workers"]
    assert (worker["pid"], worker["slots"], worker["live"]) == (running.process.pid, 1, True)
    text = client.get("/metrics").text
    assert 'ktrdr_http_requests_total{method="GET",route="/health",status="200"}' in text
    assert "ktrdr_workers_live 1.0" in text
    assert UNKNOWN not in text
    assert f"registered as {worker['id']}" in running.log


# a token


@pytest.fixture(scope="module")
def guarded(place: Place) -> Iterator[Service]:
    """A worker with a token that others could reach, with a database of its own."""
    settings = dict(place.settings) | {"KTRDR_API_TOKEN": TOKEN}
    own = Place(place.folder, place.url.replace("ktrdr.db", "guarded.db"), settings)
    with service(own, "--host", "0.0.0.0") as found:
        yield found
        assert TOKEN not in found.log
        assert "Traceback" not in found.log


def test_no_token_on_every_verb_of_every_route(guarded: Service) -> None:
    verbs = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
    open_ones = {("GET", "/health"), ("GET", "/ready"), ("HEAD", "/health"), ("HEAD", "/ready")}
    open_ones |= {("GET", "/"), ("POST", "/session")}
    with guarded.client() as client:
        for path in {path for _, path in SPECIFIED} | PAGES | {"/docs", "/openapi.json", "/nowhere"}:
            for verb in verbs:
                said = client.request(
                    verb, path.format(operation_id=UNKNOWN, kind="backtest", strategy="a", version="1h_v1")
                )
                assert said.status_code == 401 or (verb, path) in open_ones, (verb, path, said.status_code)


def test_a_wrong_token_is_answered_late(guarded: Service) -> None:
    with guarded.client(TOKEN[:-1]) as client:
        began_s = time.monotonic()
        said = client.get("/operations")
    assert (said.status_code, code_of(said)) == (401, "auth_required")
    assert time.monotonic() - began_s > 0.5


def test_the_token_opens(guarded: Service) -> None:
    with guarded.client(TOKEN) as client:
        assert client.get("/operations").json() == {"operations": [], "next_cursor": None}
        assert client.get("/metrics").status_code == client.get("/docs").status_code == 200
        assert client.get(f"/operations/{UNKNOWN}").status_code == 404


def test_strangers_see_the_login_form_and_nothing_else(guarded: Service) -> None:
    with guarded.client() as client:
        form = client.get("/")
        assert form.status_code == 200
        assert 'type="password"' in form.text
        assert "<table>" not in form.text
        assert "default-src 'none'" in form.headers["content-security-policy"]
        asked = {"accept": "text/html,*/*"}
        elsewhere = client.get(f"/dashboard/operations/{UNKNOWN}", headers=asked)
        assert (elsewhere.status_code, elsewhere.text) == (401, form.text)
        assert client.get("/workers", headers=asked).json()["error"]["code"] == "auth_required"


def test_a_session_of_a_browser(guarded: Service) -> None:
    with guarded.client() as client:
        wrong = client.post("/session", json={"token": "wrong"})
        assert (wrong.status_code, code_of(wrong)) == (401, "auth_required")
        unreadable = client.post("/session", json={"token": [TOKEN]})
        assert (unreadable.status_code, TOKEN in unreadable.text) == (422, False)
        cookie = client.post("/session", json={"token": TOKEN}).headers["set-cookie"]
        assert {part.strip() for part in cookie.split(";")[1:]} == {
            "HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict",
        }  # fmt: skip
        assert "<h1>" in client.get("/").text
        assert client.get("/operations", headers={"sec-fetch-site": "same-origin"}).status_code == 200
        assert client.get("/operations", headers={"sec-fetch-site": "cross-site"}).status_code == 403
        own = {"origin": guarded.url}
        assert client.post(f"/operations/{UNKNOWN}/cancel", headers=own).status_code == 404
        assert client.post(f"/operations/{UNKNOWN}/cancel").status_code == 403


def test_a_sign_out_ends_the_session_and_every_copy_of_its_cookie(guarded: Service, place: Place) -> None:
    with guarded.client() as client:
        own = {"origin": guarded.url}
        opened = client.post("/session", json={"token": TOKEN})
        copied = {"cookie": opened.headers["set-cookie"].partition(";")[0]}
        assert 'data-post="/session/end"' in client.get("/").text
        assert client.post("/session/end", json={}).status_code == 403, "no origin"
        said = client.post("/session/end", json={}, headers=own)
        assert (said.status_code, said.json()) == (200, {"status": "ok"})
        assert "Max-Age=0" in said.headers["set-cookie"]
        assert dict(client.cookies) == {}
        assert client.get("/operations").status_code == client.get("/operations", headers=copied).status_code == 401
        assert client.post("/session/end", json={}, headers=own).status_code == 401
        client.post("/session", json={"token": TOKEN})
        assert client.get("/operations").status_code == 200, "another session is another session"
    with guarded.client(TOKEN) as program:
        assert code_of(program.post("/session/end", json={})) == "not_found"
        assert "/session/end" not in program.get("/").text
    settings = {"KTRDR_API_TOKEN": TOKEN}
    with (
        service(Place(place.folder, place.url, dict(place.settings) | settings)) as another,
        another.client() as client,
    ):
        assert client.get("/operations", headers=copied).status_code == 401, "another worker of this data folder"


def test_no_address_that_others_reach_without_a_token(place: Place) -> None:
    said = place.call("worker", "--host", "0.0.0.0", "--port", "0")
    assert said.stderr.startswith("argument_invalid: --host: ")
    assert said.stderr.count("\n") == 1


# the end


def test_sigterm_leaves_in_time_whoever_hangs(place: Place, mine: Claim, done: tuple[str, Any]) -> None:
    """Readers that wait, readers whose sockets are full, and a body that never comes."""
    with service(place) as leaving, leaving.client() as client:
        hung = [hang(leaving, mine.operation.id) for _ in range(20)]
        hung += [hang(leaving, done[0], "equity") for _ in range(3)]
        upload = leaving.connect()
        head = b"POST /backtests/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        upload.sendall(head + b"Content-Length: 10\r\n\r\n{")
        wait_for(lambda: "ktrdr_event_streams 20.0" in client.get("/metrics").text, 10, 0.1)
        wait_for(lambda: leaving.log.count("/equity") == 3)
        began_s = time.monotonic()
        leaving.process.send_signal(signal.SIGTERM)
        assert leaving.process.wait(10) == 0
        assert time.monotonic() - began_s < 4
        for connection in (*hung, upload):
            connection.close()
        assert leaving.log.rstrip().endswith("stopped")
        assert "Traceback" not in leaving.log


def test_every_route_answers_in_the_shape_it_promises() -> None:
    """No route that takes a body reads anything but a strict model."""
    from ktrdr.config.strict import Strict

    for module in ROUTES:
        for route in module.router.routes:
            if isinstance(route, APIRoute) and route.body_field is not None:
                kind = route.body_field.field_info.annotation
                parts = getattr(kind, "__args__", (kind,))
                assert all(issubclass(part, Strict) for part in parts if part is not type(None)), route.path
