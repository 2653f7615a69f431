"""The commands for operations, called in this process, one store a test."""

from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ktrdr import _core
from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.backtesting.job import foreground
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.cli.app import main
from ktrdr.errors import Cancelled, InternalError
from ktrdr.operations.models import Status
from ktrdr.operations.running.cancellation import Reason, Token
from ktrdr.operations.running.foreground import resume
from ktrdr.operations.store.store import Store
from support.database import stores
from support.process.processes import Place, StopAt, assert_same, furnish, strategy

RUN = "backtest run walker EURUSD 1h --start-date 2024-01-20 --end-date 2024-12-31 --threads 1"
KIND = "gru"
DEAR = "--set execution.commission.rate=0.01"


class Program:
    """The program over one data folder."""

    def __init__(self, place: Place, capsys: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self.store = place.store()
        self._capsys = capsys

    def __call__(self, line: str, code: int = 0) -> dict[str, Any]:
        """The one object of a command that ends with that code."""
        assert main(["--json", *line.split()]) == code, self._capsys.readouterr()
        said = self._capsys.readouterr()
        self.err = said.err
        found: dict[str, Any] = json.loads(said.out)
        return found

    def shown(self, line: str) -> str:
        """Returns the text that people see."""
        assert main(line.split()) == 0
        return self._capsys.readouterr().out

    def refused(self, line: str, code: str, exit_code: int) -> str:
        """The message of a command that is refused: one line."""
        assert self(line, exit_code)["error"]["code"] == code
        assert self.err.splitlines()[-1].startswith(f"{code}: "), self.err
        return self.err

    def stopped(self, bar: int = 2_000) -> str:
        """A run that was cancelled, and saved, at about that bar."""
        stop = StopAt(bar)
        with pytest.raises(Cancelled) as caught:
            foreground.run(
                "walker", "EURUSD", "1h", start="2024-01-20", end="2024-12-31", threads=1, store=self.store,
                bridge=stop, cancellation_token=stop.token,
            )  # fmt: skip
        assert caught.value.where is not None
        return caught.value.where

    def whole(self, **rest: Any) -> BacktestResults:
        """Returns the result of an uninterrupted run."""
        return self.place.expected(KIND, end="2024-12-31", **rest)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("shared"), 9_000, (KIND,))


@pytest.fixture
def ktrdr(
    furnished: Path,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Program:
    place = Place(furnished, sqlite_url, {"KTRDR_STRATEGIES_DIR": str(tmp_path)})
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    write()
    return Program(place, capsys)


def write(**changes: Any) -> None:
    """The strategy, under its name."""
    Path("walker.yaml").write_text(yaml.safe_dump(strategy(KIND, **changes), sort_keys=False))


def test_a_run_is_listed_shown_written_out_and_deleted(ktrdr: Program, tmp_path: Path) -> None:
    run = ktrdr(RUN)
    name = run["operation_id"]
    assert [one["operation_id"] for one in ktrdr("operations list")["operations"]] == [name]
    assert ktrdr("operations list --status failed") == {"operations": [], "next_cursor": None}
    assert (shown := ktrdr(f"operations show {name}"))["status"] == "completed"
    assert shown["progress"]["percentage"] == 100.0
    assert name in ktrdr.shown("operations list")
    assert "completed" in ktrdr.shown(f"operations show {name}")
    assert ktrdr(f"operations follow {name}") == shown
    written = ktrdr(f"backtest show {name} --out deep/out")
    assert written.pop("written") == sorted_like(tmp_path / "deep" / "out", written_names := written_files())
    assert {key: written[key] for key in run} == run  # and the parts of the result beside it
    assert len(written_names) == 12
    results = stored_results(ktrdr.store, name)
    reaction = ktrdr(f"backtest show {name} --sensitivity")["sensitivity"]
    assert reaction["delays"]["0"]["net_profit"] == results.metrics["net_profit"]
    assert reaction["delays"]["3"] != reaction["delays"]["1"]
    assert "twice the costs" in ktrdr.shown(f"backtest show {name} --sensitivity")
    assert pl.read_parquet("deep/out/trades.parquet").equals(results.trades)
    assert pl.read_csv("deep/out/fills.csv").height == results.fills.height
    assert json.loads(Path("deep/out/metrics.json").read_text())["result_hash"] == run["result_hash"]
    assert json.loads(Path("deep/out/manifest.json").read_text())["operation"] == name
    assert ktrdr(f"operations delete {name}") == {"operation_id": name, "deleted": True}
    assert "no such operation" in ktrdr.refused(f"operations show {name}", "not_found", 3)


def written_files() -> list[str]:
    """Every file that ``--out`` writes."""
    ledgers = ("fills", "trades", "equity", "refused", "decisions")
    return [f"{name}.{kind}" for name in ledgers for kind in ("parquet", "csv")] + ["metrics.json", "manifest.json"]


def sorted_like(folder: Path, names: list[str]) -> list[str]:
    """The names, if they are the folder's files."""
    assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    return names


def test_an_output_that_cannot_be_written_is_found_out_first(ktrdr: Program) -> None:
    Path("file").write_text("")
    said = ktrdr.refused("backtest show backtest_0123456789abcdef --out file/out", "output_not_writable", 2)
    assert "--out" in said
    ktrdr.refused("backtest show backtest_0123456789abcdef --out out", "not_found", 3)


def test_a_run_without_a_result_shows_its_status(ktrdr: Program) -> None:
    said = ktrdr.refused(f"backtest show {ktrdr.stopped()}", "not_completed", 4)
    assert "found cancelled" in said


def test_cancel_is_idempotent_and_leaves_results_alone(ktrdr: Program) -> None:
    waiting = ktrdr.place.submit(ktrdr.store, KIND, end="2024-12-31")
    for _ in range(2):
        assert ktrdr(f"operations cancel {waiting.id}")["status"] == "cancelled"
    resumed = ktrdr(f"backtest run --resume {waiting.id}")
    assert resumed["result_hash"] == ktrdr.whole().result_hash
    assert ktrdr(f"operations cancel {waiting.id}")["status"] == "completed"
    ktrdr.refused("operations cancel backtest_0123456789abcdef", "not_found", 3)
    for verb in ("resume", "restart"):
        ktrdr.refused(f"operations {verb} {waiting.id}", "already_completed", 4)


def test_cancelled_from_another_terminal(ktrdr: Program) -> None:
    """The run in the foreground learns it from its heartbeat; whoever follows it sees it end."""
    begun = threading.Event()
    ended = []

    class Begun:
        def report(self, phase: str, done: int, *_: Any) -> None:
            begun.set()
            if phase == "backtest":
                threading.Event().wait(0.05)

    def run() -> None:
        token = Token()
        with pytest.raises(Cancelled):
            foreground.run(
                "walker",
                "EURUSD",
                "1h",
                start="2024-01-20",
                threads=1,
                store=ktrdr.store,
                bridge=Begun(),
                cancellation_token=token,
            )
        ended.append(token.reason)

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(30)
    (operation,) = ktrdr.store.list()[0]
    assert ktrdr(f"operations cancel {operation.id}")["operation_id"] == operation.id
    assert ktrdr(f"operations follow {operation.id}")["status"] == "cancelled"
    thread.join()
    assert ended == [Reason.CANCELLED]
    assert ktrdr.store.get(operation.id).generation == 1


def test_restart_begins_again_and_ends_alike(ktrdr: Program) -> None:
    name = ktrdr.stopped()
    assert ktrdr(f"operations restart {name}")["result_hash"] == ktrdr.whole().result_hash
    assert ktrdr.store.get(name).status is Status.COMPLETED


def test_a_fork_continues_with_other_rules_and_leaves_its_parent_alone(ktrdr: Program) -> None:
    name = ktrdr.stopped()
    before = stores.facts(ktrdr.store, name)
    fork = ktrdr(f"operations fork {name} {DEAR}")
    assert fork["operation_id"] != name
    bar = _core.Snapshot(ktrdr.store.snapshot(name)).bar
    manifest = stored_results(ktrdr.store, fork["operation_id"]).manifest
    assert manifest["forked_from"] == {"operation": name, "bar": bar}
    assert f"forked from {name} at bar {bar}" in ktrdr.shown(f"backtest show {fork['operation_id']}")
    assert stores.facts(ktrdr.store, name) == before
    assert ktrdr(f"operations resume {name}")["result_hash"] == ktrdr.whole().result_hash
    fills = stored_results(ktrdr.store, fork["operation_id"]).fills
    old = stored_results(ktrdr.store, name).fills
    assert fills.filter(pl.col("bar") < bar).equals(old.filter(pl.col("bar") < bar))
    later = fills.filter(pl.col("bar") >= bar)
    rates = (later["commission"] / (later["price"] * later["quantity"])).to_list()
    assert rates == pytest.approx([0.01] * len(rates))
    assert rates


def test_what_cannot_be_forked(ktrdr: Program) -> None:
    waiting = ktrdr.place.submit(ktrdr.store, KIND)
    ktrdr.refused(f"operations fork {waiting.id}", "nothing_to_fork", 4)
    ktrdr.refused(f"operations fork {waiting.id} --set metrics.risk_free_rate=0.1", "usage", 2)
    ktrdr.refused(f"operations fork {waiting.id} --set execution.fil=next_open", "config_unknown_key", 3)


def test_a_name_that_means_another_strategy_now(ktrdr: Program) -> None:
    name = ktrdr.stopped()
    write(decisions={"confidence_threshold": 0.0, "filters": {"min_signal_separation": 3}})
    said = ktrdr.refused(f"operations resume {name}", "identity_mismatch", 4)
    assert "decisions.filters.min_signal_separation" in said
    assert "--stored" in said
    assert ktrdr.store.get(name).status is Status.CANCELLED
    assert ktrdr(f"operations resume {name} --stored")["result_hash"] == ktrdr.whole().result_hash


def test_a_run_of_another_host_is_waited_for(ktrdr: Program) -> None:
    """Its lease is two seconds long, and nobody there extends it."""
    ktrdr.place.submit(ktrdr.store, KIND, end="2024-12-31")
    claim = ktrdr.store.claim_next(stores.owner(host="far"), "one", None)
    assert claim is not None
    name = claim.operation.id
    stores.sql(ktrdr.store, "UPDATE operations SET profile = NULL")
    assert ktrdr(f"operations resume {name}")["status"] == "completed"
    assert f"{name} runs on far: waiting for the end of its lease" in ktrdr.err


def test_nobody_waits_longer_than_he_wants_to(ktrdr: Program) -> None:
    ktrdr.place.submit(ktrdr.store, KIND, end="2024-12-31")
    claim = ktrdr.store.claim_next(stores.owner(host="far"), "one", None)
    assert claim is not None
    stores.sql(ktrdr.store, "UPDATE operations SET profile = NULL, lease_s = 3600, lease_until = lease_until + 3600")
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    ktrdr.refused(f"operations resume {claim.operation.id}", "cancelled", 130)
    assert ktrdr.store.get(claim.operation.id).status is Status.RUNNING


def test_a_snapshot_can_be_looked_into(ktrdr: Program) -> None:
    name = ktrdr.stopped()
    blob = ktrdr.store.snapshot(name)
    inside = ktrdr(f"checkpoint inspect {name}")
    assert inside == json.loads(_core.Snapshot(blob).to_json())
    assert inside
    Path("good.bin").write_bytes(blob)
    assert ktrdr("checkpoint inspect good.bin") == inside
    assert json.loads(ktrdr.shown("checkpoint inspect good.bin")) == inside
    Path("bad.bin").write_bytes(blob[:-1])
    ktrdr.refused("checkpoint inspect bad.bin", "snapshot_corrupt", 4)
    ktrdr.refused("checkpoint inspect nothing.bin", "argument_invalid", 2)
    ktrdr.refused("checkpoint inspect backtest_0123456789abcdef", "not_found", 3)


def test_workers_are_listed(ktrdr: Program) -> None:
    assert ktrdr("workers") == {"workers": []}
    ktrdr.store.register("desk-1", host="desk", pid=7, slots=2)
    (found,) = ktrdr("workers")["workers"]
    assert (found["id"], found["host"], found["slots"], found["live"]) == ("desk-1", "desk", 2, True)
    assert "desk-1" in ktrdr.shown("workers")


def test_an_operation_that_waits_says_why_wherever_it_is_shown(ktrdr: Program) -> None:
    name = ktrdr.place.submit(ktrdr.store, KIND).id
    assert ktrdr(f"operations show {name}")["waiting"] == {"": "no worker"}
    assert "no worker" in ktrdr.shown(f"operations show {name}")
    assert "no worker" in ktrdr.shown("operations list")


@pytest.mark.parametrize(
    ("line", "code", "exit_code", "says"),
    [
        ("backtest run EURUSD --resume backtest_0123456789abcdef", "usage", 2, "EURUSD"),
        ("backtest run --resume backtest_0123456789abcdef --capital 5", "usage", 2, "--capital"),
        ("backtest run --resume backtest_0123456789abcdef --threads 2 --worker http://h", "usage", 2, "--threads"),
        ("backtest run --resume backtest_0123456789abcdef", "not_found", 3, "backtest_0123456789abcdef"),
        (f"{RUN} --stored", "usage", 2, "--stored"),
        ("operations list --status done", "argument_invalid", 2, "done"),
        ("operations list --limit 0", "argument_invalid", 2, "limit"),
        ("operations list --cursor x", "argument_invalid", 2, "cursor"),
        ("operations shw", "usage", 2, "did you mean show?"),
        ("operations resume ../etc", "not_found", 3, "../etc"),
        (f"{RUN} --worker http://127.0.0.1:9", "worker_unreachable", 2, "http://127.0.0.1:9"),
        (f"{RUN} --worker file:///etc", "argument_invalid", 2, "--worker"),
    ],
)
def test_what_is_refused(ktrdr: Program, line: str, code: str, exit_code: int, says: str) -> None:
    assert says in ktrdr.refused(line, code, exit_code)


def test_a_failure_between_blocks_saves_the_last_state(ktrdr: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve blocks in, before the next one is traded: what was simulated until then is not computed again."""
    batch = DecisionFunction.batch
    calls = itertools.count(1)

    def broken(self: DecisionFunction, scores: Any) -> Any:
        if next(calls) > 12:
            raise ZeroDivisionError("a bug")
        return batch(self, scores)

    with monkeypatch.context() as patched, pytest.raises(InternalError, match="ZeroDivisionError: a bug"):
        patched.setattr(DecisionFunction, "batch", broken)
        foreground.run(
            "walker", "EURUSD", "1h", start="2024-01-20", end="2024-12-31", threads=1, store=ktrdr.store
        )  # fmt: skip
    (failed,) = ktrdr.store.list()[0]
    assert (failed.status, failed.generation) == (Status.FAILED, 1)
    assert (failed.error or {})["code"] == "internal"
    assert _core.Snapshot(ktrdr.store.snapshot(failed.id)).bar == 12 * 256
    assert resume(failed.id, store=ktrdr.store).result_hash == ktrdr.whole().result_hash
    assert_same(ktrdr.store, ktrdr.store.get(failed.id), ktrdr.whole())


def test_the_library_saves_as_often_as_it_is_asked_to(ktrdr: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    saves: list[int] = []
    save = Store.save
    monkeypatch.setattr(Store, "save", lambda self, *args, **rest: saves.append(args[2]) or save(self, *args, **rest))
    run: Callable[..., BacktestResults] = foreground.run
    done = run("walker", "EURUSD", "1h", start="2024-01-20", end="2024-12-31", threads=1, every_bars=1_000)
    assert done.result_hash == ktrdr.whole().result_hash
    assert all(later - earlier == 1_024 for earlier, later in itertools.pairwise(saves))
    assert len(saves) >= 6
    assert ktrdr.store.get(done.manifest["operation"]).status is Status.COMPLETED
