"""A sweep of a strategy as an operation: the command line, kill -9 between chunks, resume, cancel, changed inputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from ktrdr import _core, backtest
from ktrdr.analysis.doubt import logged_beside, trials_among
from ktrdr.analysis.sweep import chunks
from ktrdr.analysis.sweep.scenarios import nested
from ktrdr.analysis.sweep.trials import rows_of
from ktrdr.errors import ArgumentInvalid, Cancelled, ConfigUnknownKey, IdentityMismatch, SnapshotCorrupt
from ktrdr.operations import resume, sweep
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.store import Store
from ktrdr.worker.client import WorkerClient
from ktrdr.worker.pages.parts.so_far import sweep_so_far
from support.inputs import worlds
from support.process.processes import Place, answer_of, furnish, kill, wait_for
from support.process.service import service

FILE = worlds.strategy("mlp")
GRID: Mapping[str, Any] = {
    "decisions.confidence_threshold": [0.34, 0.4, 0.5],
    "execution.commission.rate": [0.0, 0.0001, 0.001],
    "execution.exits.stop_loss": [None, {"rate": 0.01}],
}
ASKED = ["sweep", "mine.yaml", "EURUSD", "1h", "--threads", "1"]
GRIDS = [f"--grid={name}={','.join(json.dumps(value) for value in values)}" for name, values in GRID.items()]
SLOWLY = """
import time
from ktrdr.analysis.sweep import chunks
chunks._FEWEST = chunks._MOST = 2
run = chunks.Market.run
chunks.Market.run = lambda *arguments: (time.sleep(0.1), run(*arguments))[1]
"""
"""Small chunks with time between them, in every process of a test."""


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    furnish(tmp_path / "data", 1_500, ("mlp",))
    (tmp_path / "data" / "mine.yaml").write_text(json.dumps(FILE))
    return Place(tmp_path / "data", database_url)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


def here(place: Place, store: Store, **options: Any) -> Any:
    """A sweep in this process."""
    return sweep(
        FILE, "EURUSD", "1h", **{"grid": GRID, "threads": 1, "store": store, "data_dir": place.folder} | options
    )


def tried(store: Store) -> list[bytes]:
    """The identity of each scenario in the log of trials, oldest first."""
    logged = [one.trial for one in store.trials("EURUSD", "1h", 0, 2**62) if one.trial.rows is not None]
    return [identity for trial in logged for identity in rows_of(trial)["identity"]]


def only(store: Store) -> Operation | None:
    found, _ = store.list(kind="sweep")
    return found[0] if found else None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_scenario_is_a_backtest_of_its_own(place: Place, store: Store) -> None:
    found = here(place, store, start="2024-01-20", initial_capital=5_000.0)
    rows = found.table.to_dicts()
    identities = tried(store)
    assert len(rows) == len(identities) == len(set(identities)) == 18
    for row in (rows[0], rows[9], rows[17]):
        changes = nested({name: row[name] for name in GRID if name != "execution.exits.stop_loss"})
        stop = GRID["execution.exits.stop_loss"][row["scenario"] % 2]
        alone = backtest(
            FILE, "EURUSD", "1h", start="2024-01-20", initial_capital=5_000.0, threads=1, data_dir=place.folder,
            execution={**changes["execution"], "exits": {"stop_loss": stop}}, decisions=changes["decisions"],
        )  # fmt: skip
        assert {name: row[name] for name in _core.METRICS} == dict(alone.metrics)
        assert identities[row["scenario"]].hex() == alone.identity
        among = trials_among(alone, logged_beside(store, alone))
        assert (len(among.sharpes), among.comparable) == (18, 18)
        assert among.pbo == found.sweep.pbo
    assert found.summary["best"]["metrics"]["sharpe"] == found.table["sharpe"].max()
    kept = kind_of("sweep").result(store, found.manifest["operation"])
    assert kept.result_hash == found.result_hash
    assert kind_of("sweep").table(store, found.manifest["operation"], "scenarios").equals(found.table)


def test_a_killed_sweep_is_resumed_from_its_last_chunk(place: Place, store: Store, tmp_path: Path) -> None:
    expected = here(place, store)
    known = tried(store)
    slow = tmp_path / "site"
    slow.mkdir()
    (slow / "sitecustomize.py").write_text(SLOWLY)
    paths = f"{slow}:{place.environment['PYTHONPATH']}"
    program = Place(place.folder, place.url, {"PYTHONPATH": paths}).begin(*ASKED, *GRIDS)
    operation = wait_for(
        lambda: found if (found := only(store)) and found.id != expected.manifest["operation"] else None
    )
    wait_for(lambda: store.get(operation.id).generation >= 3)
    kill(program)
    program.communicate()
    stopped = store.get(operation.id)
    assert stopped.status is Status.INTERRUPTED
    saved = store.checkpoints(operation.id)[0].bar
    assert sum(segment.seq_to - segment.seq_from for segment in store.segments(operation.id, "scenarios")) == saved
    assert saved >= 2 * 3
    shown = sweep_so_far(store, operation.id)
    assert shown is not None and (shown.chunks, shown.scenarios) == (saved // 2, saved)
    assert tried(store)[18:] == known[:saved]
    resumed = resume(operation.id, store=store, data_dir=place.folder)
    assert resumed.result_hash == expected.result_hash
    assert sum(one.seq_to - one.seq_from for one in store.segments(operation.id, "scenarios")) == 18
    assert tried(store) == [*known, *known]
    store.delete(operation.id)
    assert tried(store) == [*known, *known]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_killed_study_asks_for_the_same_again(
    place: Place, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No scenario is run or logged twice; another sampler is refused by name."""
    pytest.importorskip("optuna", reason="ktrdr[study] is not installed")
    grid = GRID | {"decisions.confidence_threshold": [round(0.34 + step / 100, 2) for step in range(30)]}
    expected = here(place, store, grid=grid, trials=80, seed=4)
    known = tried(store)
    assert len(known) == len(set(known)) == expected.summary["scenarios"] > 40
    (tmp_path / "sitecustomize.py").write_text(SLOWLY)
    grids = [f"--grid={name}={','.join(json.dumps(value) for value in values)}" for name, values in grid.items()]
    paths = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}:{place.environment['PYTHONPATH']}"
    program = Place(place.folder, place.url, {"PYTHONPATH": paths}).begin(*ASKED, *grids, "--trials=80", "--seed=4")
    operation = wait_for(
        lambda: found if (found := only(store)) and found.id != expected.manifest["operation"] else None
    )
    wait_for(lambda: store.get(operation.id).generation >= 2)
    kill(program)
    program.communicate()
    saved = store.checkpoints(operation.id)[0].bar
    assert 0 < saved < len(known) and tried(store)[len(known) :] == known[:saved]
    with monkeypatch.context() as patch, pytest.raises(IdentityMismatch) as caught:
        patch.setattr("optuna.__version__", "5.9.9")
        resume(operation.id, store=store, data_dir=place.folder)
    assert caught.value.part == "sampler"
    ran: list[int] = []
    real = chunks.Market.run
    monkeypatch.setattr(
        chunks.Market, "run", lambda self, part, *rest: (ran.append(len(part)), real(self, part, *rest))[1]
    )
    resumed = resume(operation.id, store=store, data_dir=place.folder)
    assert resumed.result_hash == expected.result_hash
    assert sum(ran) == len(known) - saved
    assert tried(store) == [*known, *known]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_line_prints_the_best_and_writes_the_table(place: Place, tmp_path: Path) -> None:
    optimistic = ("--set", "execution.fill=this_close")
    done = place.call("--json", *ASKED, *GRIDS, *optimistic, "--out", str(tmp_path / "scenarios.parquet"))
    answer = answer_of(done)
    assert [line for line in answer["warnings"] if line.startswith("execution.fill is this_close: orders trade")] != []
    assert (answer["status"], answer["scenarios"], answer["failed"]) == ("completed", 18, 0)
    table = pl.read_parquet(tmp_path / "scenarios.parquet")
    assert answer["best"]["metrics"]["sharpe"] == table["sharpe"].max()
    shown = place.call("operations", "show", answer["operation_id"])
    assert "request 3 decisions.confidence_threshold x 3 execution.commission.rate" in " ".join(shown.stdout.split())
    assert answer["result_hash"] in shown.stdout
    again = place.call("operations", "resume", answer["operation_id"])
    assert f"`ktrdr operations report {answer['operation_id']}` shows its result" in again.stderr
    refused = place.call(*ASKED, "--grid=execution.commission.rate=0:1:0")
    assert (refused.returncode, "--grid: not a range" in refused.stderr) == (2, True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whole_numbers_of_a_range_are_whole_in_every_answer(place: Place, store: Store) -> None:
    grids = ("--grid=execution.exits.max_holding_bars=2:4:2", "--grid=execution.exits.stop_loss={rate: 0.01}")
    answer = answer_of(place.call("--json", *ASKED, *grids))
    assert answer["status"] == "completed"
    best = answer["best"]["parameters"]
    assert best["execution.exits.stop_loss"] == {"rate": 0.01}
    assert repr(best["execution.exits.max_holding_bars"]) in ("2", "4")
    kept = kind_of("sweep").result(store, answer["operation_id"]).sweep
    assert kept.table["execution.exits.max_holding_bars"].to_list() == [2, 4]
    assert kept.table.schema["execution.exits.max_holding_bars"] == pl.Int64
    assert kept.best().parameters == best
    again = here(place, store, grid=None, scenarios=[best])
    assert again.summary["best"]["metrics"] == answer["best"]["metrics"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("trials", [None, 60])
def test_a_sweep_that_stored_whole_numbers_as_floats_is_resumed(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch, trials: int | None
) -> None:
    if trials is not None:
        pytest.importorskip("optuna", reason="ktrdr[study] is not installed")
    monkeypatch.setattr(chunks, "_FEWEST", 16)
    monkeypatch.setattr(chunks, "_MOST", 16)
    name = "execution.exits.max_holding_bars"
    asked = {"grid": {name: list(range(1, 41))}, "trials": trials}
    token = Token()

    class Stop:
        def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
            if phase == "sweep" and done >= 16:
                token.cancel()

    def as_floats(name: str, given: Any) -> pl.Series:
        return pl.Series(name, given, pl.Float64, strict=False)

    with monkeypatch.context() as patch, pytest.raises(Cancelled):
        patch.setattr("ktrdr.analysis.sweep.scenarios._column", as_floats)
        here(place, store, bridge=Stop(), cancellation_token=token, **asked)
    operation = only(store)
    assert operation is not None
    resumed = resume(operation.id, store=store, data_dir=place.folder)
    assert resumed.result_hash == here(place, store, **asked).result_hash
    assert resumed.table.schema[name] == pl.Float64
    shown = sweep_so_far(store, operation.id)
    assert shown is not None and shown.scenarios == len(resumed.table)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_cancelled_sweep_goes_no_further_and_is_resumed(
    place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "_FEWEST", 4)
    monkeypatch.setattr(chunks, "_MOST", 4)
    token = Token()

    class Stop:
        def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
            if phase == "sweep" and done >= 8:
                token.cancel()

    with pytest.raises(Cancelled):
        here(place, store, bridge=Stop(), cancellation_token=token)
    operation = only(store)
    assert operation is not None
    assert operation.status is Status.CANCELLED
    assert store.checkpoints(operation.id)[0].bar == 8
    assert resume(operation.id, store=store, data_dir=place.folder).result_hash == here(place, store).result_hash


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_runs_cancels_and_resumes_it(place: Place, store: Store, tmp_path: Path) -> None:
    expected = here(place, store)
    known = tried(store)
    (tmp_path / "sitecustomize.py").write_text(SLOWLY)
    paths = f"{tmp_path}:{place.environment['PYTHONPATH']}"
    with service(Place(place.folder, place.url, {"PYTHONPATH": paths})) as running, WorkerClient(running.url) as client:
        at = ("--worker", running.url)
        name = answer_of(place.call("--json", *ASKED, *GRIDS, *at))["operation_id"]
        wait_for(lambda: store.get(name).generation >= 2)
        client.cancel(name)
        wait_for(lambda: store.get(name).status is Status.CANCELLED)
        saved = store.checkpoints(name)[0].bar
        assert 0 < saved < 18
        answer_of(place.call("--json", "operations", "resume", name, *at))
        assert answer_of(place.call("--json", "operations", "follow", name, *at))["status"] == "completed"
        found = client.results(name)
        assert found["result_hash"] == expected.result_hash
        assert {part: found[part] for part in expected.summary} == expected.summary
        assert client.operations(type="sweep")["operations"][0]["operation_id"] == name
        table = httpx.get(f"{running.url}/operations/{name}/scenarios", headers={"accept": "text/csv"})
        assert pl.read_csv(table.content)["sharpe"].to_list() == pytest.approx(expected.table["sharpe"].to_list())
        refused = place.call(*ASKED, *GRIDS, *at, "--out", "s.csv")
        assert (refused.returncode, "a worker writes no file here" in refused.stderr) == (2, True)
    assert tried(store) == [*known, *known]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_bars_are_refused_by_name(place: Place, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_FEWEST", 4)
    monkeypatch.setattr(chunks, "_MOST", 4)
    token = Token()

    class Stop:
        def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
            if phase == "sweep" and done >= 4:
                token.cancel()

    with pytest.raises(Cancelled):
        here(place, store, bridge=Stop(), cancellation_token=token)
    operation = only(store)
    assert operation is not None
    furnish(place.folder, 1_499, ())
    with pytest.raises(IdentityMismatch) as caught:
        resume(operation.id, store=store, data_dir=place.folder)
    assert caught.value.part == "bars EURUSD 1h"


@pytest.mark.parametrize(
    ("grid", "error", "text"),
    [
        ({"decisions.cost_model.round_trip_cost": [0.1]}, ArgumentInvalid, "makes other signals"),
        ({"execution.exits.stop_loss": [None, {"atr": 2}]}, ArgumentInvalid, "which bars and columns"),
        ({"execution.exits.stop_loss.atr": [1.5, 2]}, ArgumentInvalid, r"found execution\.exits\.stop_loss\.atr=1\.5;"),
        ({"execution.exits.stop_los": [{"rate": 0.1}]}, ConfigUnknownKey, "stop_loss"),
        ({"metrics.risk_free_rate": [0.1]}, ArgumentInvalid, "not a rule that can be swept"),
    ],
)
def test_what_a_sweep_of_a_strategy_cannot_try_is_refused_before_it_begins(
    grid: Mapping[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        sweep(FILE, "EURUSD", "1h", grid=grid)


def test_a_regression_has_no_threshold() -> None:
    with pytest.raises(ArgumentInvalid, match="no effect on a regression"):
        sweep(worlds.strategy("regression"), "EURUSD", "1h", grid={"decisions.confidence_threshold": [0.1]})


def test_bytes_that_are_no_state_are_refused() -> None:
    for bad in (b"", b"{}", b'{"kind": "sweep", "version": 9, "bar": 1, "parts": []}', b"[1]"):
        with pytest.raises(SnapshotCorrupt):
            kind_of("sweep").open_snapshot(bad)
