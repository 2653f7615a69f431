"""A stored backtest is derived again from its ledger, and run again from its inputs; whatever differs is named."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ktrdr.backtesting.job import proofs
from ktrdr.backtesting.job.derived import derived_metrics, differing
from ktrdr.backtesting.job.stored import encode, stored_results
from ktrdr.operations import run
from ktrdr.operations.store.checkpoints import digest
from ktrdr.operations.store.proof.columns import to_json
from ktrdr.operations.store.proof.outcomes import heads_of, outcome_row
from ktrdr.operations.store.store import Store
from ktrdr.operations.verification import Verification, verify_result
from support.database import stores
from support.inputs import worlds
from support.process.processes import furnish, strategy

NOT_DERIVED = {
    "ambiguous_bars", "benchmark_max_drawdown", "benchmark_return", "break_even_bps", "financing", "initial_capital",
    "kurtosis", "profit_optimistic", "profit_pessimistic", "skew", "turnover", "undefined_bars",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnish(tmp_path_factory.mktemp("proofs") / "data", 3_000, ("mlp",))


@pytest.fixture
def store(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(folder))
    monkeypatch.setenv("KTRDR_DATABASE_URL", f"sqlite:///{tmp_path / 'ktrdr.db'}")
    found = Store.open()
    yield found
    found.close()


@pytest.fixture
def done(store: Store) -> str:
    result = run(strategy("mlp"), "EURUSD", "1h", start="2024-01-20", threads=1, store=store)
    return str(result.manifest["operation"])


def verdicts(found: Verification) -> dict[str, bool | None]:
    return {proof.name: proof.holds for proof in found.proofs}


def test_a_sound_result_proves_itself_down_to_its_inputs(store: Store, done: str) -> None:
    found = verify_result(store, done, rerun=True)
    assert found.failed == [] and found.result_hash == stored_results(store, done).result_hash
    assert list(verdicts(found)) == [
        "request", "result", "ledger fills", "ledger trades", "ledger equity", "ledger refused", "ledger decisions",
        "result hash", "metrics", "rerun",
    ]  # fmt: skip
    assert set(verdicts(found).values()) == {True}


def test_most_metrics_are_derived_and_agree(store: Store, done: str) -> None:
    result = stored_results(store, done)
    defined = {name for name, value in result.metrics.items() if value is not None}
    assert result.metrics["trades"] > 20
    assert defined - set(derived_metrics(result)) <= NOT_DERIVED
    assert differing(result) == {}


def test_an_altered_figure_is_named(store: Store, done: str) -> None:
    stores.sql(store, "UPDATE results SET summary = replace(summary, 'trades', 'tradez')")
    found = verify_result(store, done)
    assert verdicts(found) == {**dict.fromkeys(verdicts(found), False), "request": True}
    assert found.result_hash is None


def sealed_anew(store: Store, done: str, **changes: Any) -> None:
    """A forger who knows the seals: the result is altered, and its seals are made again."""
    outcome = store.outcome(done)
    assert outcome is not None
    metrics = {**outcome.summary["metrics"], **changes}
    forged = replace(outcome, summary={**outcome.summary, "metrics": metrics})
    with store._database._writer.begin() as connection:
        row = outcome_row(connection, done, forged)
    names = ", ".join(f"{name} = :{name}" for name in row if name != "operation_id")
    stores.sql(store, f"UPDATE results SET {names} WHERE operation_id = :operation_id", **row)


def test_a_figure_forged_with_its_seals_is_named_by_hash_and_definition(store: Store, done: str) -> None:
    sealed_anew(store, done, final_equity=stored_results(store, done).final_equity * 3)
    found = verify_result(store, done)
    assert [proof.name for proof in found.failed] == ["result hash", "metrics"]
    assert "final_equity" in found.failed[1].detail


def test_a_ledger_forged_with_its_seals_is_named(store: Store, done: str) -> None:
    ((data,),) = stores.sql(store, "SELECT data FROM ledger_segments WHERE kind = 'trades'")
    frame = pl.read_ipc(io.BytesIO(data)).with_columns(pl.col("net_pnl") * 2)
    forged = encode(frame)
    stores.sql(
        store, "UPDATE ledger_segments SET data = :data, hash = :hash WHERE kind = 'trades'",
        data=forged, hash=digest(forged),
    )  # fmt: skip
    assert [proof.name for proof in verify_result(store, done).failed] == ["ledger trades"]
    sealed_anew(store, done)
    assert "metrics" in [proof.name for proof in verify_result(store, done).failed]
    assert "result hash" in [proof.name for proof in verify_result(store, done).failed]


def test_other_bars_are_named_by_the_run_itself(store: Store, done: str, folder: Path) -> None:
    file = folder / "EURUSD_1h.parquet"
    before = file.read_bytes()
    worlds.bars(3_000, "mlp", seed=9)["1h"].write_parquet(file)
    try:
        found = verify_result(store, done, rerun=True)
    finally:
        file.write_bytes(before)
    assert [proof.name for proof in found.failed] == ["rerun"]
    assert "bars EURUSD 1h" in found.failed[0].detail


def test_a_damaged_request_ends_the_proof(store: Store, done: str) -> None:
    stores.sql(store, "UPDATE operations SET spec = '{}'")
    found = verify_result(store, done)
    assert verdicts(found) == {"request": False}
    assert json.loads(to_json(found.to_dict()))["holds"] is False


def test_the_heads_of_a_ledger_are_those_of_its_segments(store: Store, done: str) -> None:
    with store._database._engine.connect() as connection:
        assert heads_of(connection, done)["trades"][0] == stored_results(store, done).trades.height
    assert proofs.hash_of_ledger(store, done, stored_results(store, done)) == stored_results(store, done).result_hash
