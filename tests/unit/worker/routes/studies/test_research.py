"""A research that is started over HTTP: what is stored, and what is refused before that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ktrdr.operations.pool.runner import Runner
from ktrdr.operations.store.store import Store
from ktrdr.worker.access.settings import Access
from ktrdr.worker.app import create_app
from ktrdr.worker.service import Service
from support.process.asgi import Said, ask

HEADERS = {"host": "localhost", "content-type": "application/json"}


def start(store: Store, slot_threads: int = 2, **body: Any) -> Said:
    app = create_app(Service.of(store, Runner(store, 1), Access(), slot_threads))
    return ask(app, "POST", "/research/start", HEADERS, [json.dumps(body).encode()])


@pytest.fixture
def store(sqlite_url: str) -> Store:
    return Store.open(sqlite_url)


def test_one_key_and_body_are_one_cycle_that_waits(store: Store) -> None:
    body = {"brief": "RSI on 1h for EURUSD", "model": "grammar", "start_date": "2024-01-01", "idempotency_key": "k"}
    first, second = (json.loads(start(store, **body, note="mine", threads=1).body) for _ in range(2))
    assert first == second
    assert first.get("status") == "pending", first
    made = store.get(first["operation_id"])
    assert (made.kind, made.threads, made.note) == ("research", 1, "mine")
    assert made.spec == {
        "brief": "RSI on 1h for EURUSD",
        "designer": "grammar",
        "start": "2024-01-01",
        "end": None,
        "seed": None,
        "strategy_name": None,
        "strategy_text": None,
    }


def test_a_full_folder_of_designs_and_a_full_queue_are_said_at_once(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("KTRDR_DATA_DIR", str(tmp_path)), ("KTRDR_MAX_STRATEGIES", "1"), ("KTRDR_MAX_PENDING", "1")):
        monkeypatch.setenv(name, value)
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "one.yaml").touch()
    store = Store.open(sqlite_url)
    given = {"brief": "RSI on 1h for EURUSD", "strategy_name": "v3_minimal"}
    designed = start(store, brief=given["brief"], model="grammar")
    assert (designed.status, designed.code) == (429, "quota_exceeded")
    assert b"KTRDR_MAX_STRATEGIES" in designed.body
    assert start(store, **given).status == 202
    further = start(store, **given)
    assert (further.status, further.code) == (429, "quota_exceeded")
    assert b"KTRDR_MAX_PENDING" in further.body


def test_a_strategy_takes_the_place_of_the_design(store: Store) -> None:
    said = json.loads(start(store, brief="follow it", strategy_name="v3_minimal").body)
    spec = store.get(said["operation_id"]).spec
    assert (spec["designer"], spec["strategy_name"]) == ("given", "v3_minimal")
    assert "name: v3_minimal" in spec["strategy_text"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"brief": "?!"}, "brief_invalid"),
        ({"brief": ""}, "request_invalid"),
        ({"brief": "RSI", "modle": "grammar"}, "request_invalid"),
        ({"brief": "RSI", "model": "grammar", "strategy_name": "v3_minimal"}, "request_invalid"),
        ({"brief": "RSI", "strategy_name": "../secret"}, "request_invalid"),
        ({"brief": "RSI", "strategy_name": "no_such_strategy"}, "config_not_found"),
        ({"brief": "RSI", "strategy_yaml": "name: x"}, "config_missing"),
        ({"brief": "RSI", "start_date": "2024-02-30"}, "request_invalid"),
        ({"brief": "RSI", "start_date": "2024-02-02", "end_date": "2024-01-01"}, "request_invalid"),
        ({"brief": "RSI", "seed": -1}, "request_invalid"),
    ],
)
def test_what_is_refused_is_not_stored(store: Store, body: dict[str, Any], code: str) -> None:
    said = start(store, **body)
    assert said.code == code, said.body
    assert said.status == 422
    assert store.list()[0] == []


def test_threads_that_nobody_named_are_those_of_the_slots(store: Store) -> None:
    body = {"brief": "RSI on 1h for EURUSD", "model": "grammar", "idempotency_key": "k"}
    said = [json.loads(start(store, slot_threads, **body).body) for slot_threads in (1, 2)]
    assert said[0] == said[1], "a worker with other slots gets the same request"
    assert store.get(said[0]["operation_id"]).threads == 1
    named = json.loads(start(store, 1, **body | {"threads": 5, "idempotency_key": "another"}).body)
    assert store.get(named["operation_id"]).threads == 5
    conflict = start(store, 1, **body, threads=1)
    assert (conflict.status, json.loads(conflict.body)["error"]["code"]) == (409, "idempotency_conflict")
