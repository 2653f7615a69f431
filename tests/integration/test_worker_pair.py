"""Two services on one database, of either kind: a request to one is known to the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.database.databases import ONE_DATABASE
from support.process.processes import Place, furnish, strategy
from support.process.service import Service, events, service


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("pair") / "data", 10_000, ("mlp",))


def start_body() -> dict[str, Any]:
    text = yaml.safe_dump(strategy("mlp"), sort_keys=False)
    asked = {"symbol": "EURUSD", "timeframe": "1h", "start_date": "2024-01-20", "end_date": "2024-12-31"}
    return {"strategy_yaml": text, "threads": 1, "idempotency_key": "rush"} | asked


def started_by_all(workers: tuple[Service, Service]) -> str:
    """Twenty callers ask for the same, half of each worker: the one operation that comes of it."""

    def start(number: int) -> tuple[int, str]:
        url = f"{workers[number % 2].url}/backtests/start"
        said = httpx.post(url, json=start_body(), trust_env=False, timeout=60)
        return said.status_code, said.json().get("operation_id", said.text)

    with ThreadPoolExecutor(20) as pool:
        ((status, name),) = set(pool.map(start, range(20)))
    assert status == 202
    return name


@ONE_DATABASE
def test_either_worker_serves_what_the_other_runs(folder: Path, database_url: str) -> None:
    place = Place(folder, database_url)
    whole = place.expected(end="2024-12-31")
    with service(place) as one, service(place) as other:
        name = started_by_all((one, other))
        for worker in (one, other):
            with worker.client() as client:
                with events(client, name) as stream:
                    assert list(stream)[-1]["data"]["status"] == "completed"
                assert client.get(f"/operations/{name}/results").json()["result_hash"] == whole.result_hash
                trades = client.get(f"/operations/{name}/trades").json()["trades"]
                assert [trade["net_pnl"] for trade in trades] == whole.trades["net_pnl"].to_list()
                assert [found["live"] for found in client.get("/workers").json()["workers"]] == [True, True]
                assert "ktrdr_workers_live 2.0" in client.get("/metrics").text
                page = client.get("/operations", params={"limit": 1}).json()
                assert [found["operation_id"] for found in page["operations"]] == [name]
                assert client.post(f"/operations/{name}/cancel").json()["status"] == "completed"
        with one.client() as client, other.client() as beside:
            assert client.post(f"/operations/{name}/delete").json()["deleted"]
            assert beside.get(f"/operations/{name}").status_code == 404
        assert "Traceback" not in one.log + other.log
