"""A result keeps its values, pickles with its ledger, and shows itself in one line."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import ktrdr
from ktrdr import _core
from ktrdr.data.bars import BarSeries
from ktrdr.errors import IdentityMismatch
from ktrdr.simulation.ledger import TABLES
from ktrdr.simulation.result import CoreLedger, HeldLedger, RunResult
from ktrdr.strategy.rules import parse_decisions
from ktrdr.time import Timeframe
from support.runs.signal_runs import RULES, market, signals_for


def partial_result() -> tuple[ktrdr.Simulation, RunResult]:
    run = ktrdr.Simulation(market(), signals_for(), symbol="EURUSD", **RULES)
    run.run(until=150)
    return run, run.result(partial=True)


def same(one: RunResult, two: RunResult) -> bool:
    fields = ("metrics", "undefined", "conventions", "warnings", "blocks", "partial", "open_position", "result_hash")
    return all(getattr(one, name) == getattr(two, name) for name in fields) and all(
        getattr(one, table).equals(getattr(two, table)) for table in TABLES
    )


def test_a_result_pickles_with_its_ledger() -> None:
    whole = ktrdr.simulate(market(), signals_for(), **RULES)
    again = pickle.loads(pickle.dumps(whole))
    assert same(again, whole)
    assert isinstance(again.source, HeldLedger)
    assert same(pickle.loads(pickle.dumps(again)), whole)


def test_a_pickled_partial_result_is_that_of_its_bar() -> None:
    run, early = partial_result()
    run.run()
    again = pickle.loads(pickle.dumps(early))
    assert same(again, early)
    assert again.partial and again.equity.height == 150


def test_rows_per_bar_are_made_when_they_are_asked_for() -> None:
    run = ktrdr.Simulation(market(), signals_for(), **RULES)
    run.run()
    lean = ktrdr.simulate(market(), signals_for(), **RULES)
    source = lean.source
    assert isinstance(source, CoreLedger) and source.rows["equity"] == source.rows["decisions"] == 0
    assert lean.fills.equals(run.result().fills) and lean.trades.equals(run.result().trades)
    assert lean.signal_counts == run.result().signal_counts and lean.refused.equals(run.result().refused)
    assert "_whole" not in vars(source)
    assert same(lean, run.result())
    assert "_whole" in vars(source)


def test_signals_written_after_a_run_change_nothing() -> None:
    signals = np.array(signals_for(), np.int8)
    confidence = np.linspace(0.6, 1.0, len(signals), dtype=np.float32)
    whole = ktrdr.simulate(market(), signals.copy(), confidence.copy(), **RULES)
    lean = ktrdr.simulate(market(), signals, confidence, **RULES)
    signals[:] = 0
    confidence[:] = 0.0
    assert same(lean, whole)


def test_a_polars_frame_written_after_a_run_changes_nothing() -> None:
    bars = market()
    whole = ktrdr.simulate(market(), signals_for(), **RULES)
    lean = ktrdr.simulate(bars, signals_for(), **RULES)
    bars[120, "close"] = 2.0 * bars[120, "close"]
    assert bars["close"].to_list() != market()["close"].to_list()
    assert same(lean, whole)


def test_bars_that_their_owner_writes_after_a_run_change_nothing() -> None:
    frame = market()
    columns = {name: np.array(frame[name].to_numpy()) for name in frame.columns if name != "timestamp"}
    stamps = frame["timestamp"].cast(pl.Int64).to_numpy().copy()
    series = BarSeries("", Timeframe.H1, stamps, **columns)
    pandas = frame.to_pandas()
    results = [ktrdr.simulate(bars, signals_for(), **RULES) for bars in (series, pandas)]
    for column in columns.values():
        column[:] = 2.0 * column
    stamps += 60_000_000_000
    pandas.loc[100:200, "close"] = 1.0
    pandas *= 2
    whole = ktrdr.simulate(market(), signals_for(), **RULES)
    assert all(same(found, whole) for found in results)


@pytest.mark.parametrize("factor", [0.9995, 1.5])
def test_bars_that_changed_behind_a_table_are_noticed(factor: float) -> None:
    frame = market()
    closes = np.array(frame["close"].to_numpy())
    columns = {name: frame[name].to_arrow() for name in frame.columns if name != "close"}
    result = ktrdr.simulate(pa.table({**columns, "close": pa.array(closes)}), signals_for(), **RULES)
    source = result.source
    assert isinstance(source, CoreLedger)
    closes[100:] *= factor
    if source.curve.bars.close[120] != closes[120]:
        pytest.skip("these versions of polars and pyarrow copy the column")
    with pytest.raises(IdentityMismatch, match="the bars have changed since the run"):
        _ = result.equity


@pytest.mark.parametrize("column", ["timestamp", "open", "high", "low", "close", "conversion_rate"])
@pytest.mark.parametrize("row", [130, 299])
def test_one_changed_value_behind_a_frame_is_noticed_or_changes_nothing(column: str, row: int) -> None:
    frame = market()
    arrays = {name: np.array(frame[name].to_physical().to_numpy()) for name in frame.columns}
    bars = pl.DataFrame(arrays)
    if not np.shares_memory(bars[column].to_numpy(), arrays[column]):
        pytest.skip("this version of polars copies the column")
    whole = ktrdr.simulate(market(), signals_for(), **RULES)
    result = ktrdr.simulate(bars, signals_for(), **RULES)
    if column == "timestamp":
        arrays[column] += 1
    else:
        arrays[column][row] *= 1.0 + 1e-15
    try:
        unchanged = same(result, whole)
    except IdentityMismatch as error:
        assert "the bars have changed since the run" in str(error)
    else:
        assert unchanged and column in ("open", "high", "low")


def test_a_result_is_one_line_to_look_at() -> None:
    run, early = partial_result()
    assert repr(early) == f"<RunResult: {early.brief}>"
    assert early.brief.endswith(", partial")
    assert repr(run).startswith("<Simulation before bar 150: equity ")
    assert "\n" not in repr(early) and len(repr(early)) < 200


@pytest.mark.parametrize("name", [name for name, metric in _core.METRICS.items() if metric["whole"]])
def test_whole_metrics_are_whole_numbers(name: str) -> None:
    assert type(ktrdr.simulate(market(), signals_for(), **RULES).metrics[name]) in (int, type(None))


def test_the_catalogue_lists_the_metrics_of_a_run() -> None:
    result = ktrdr.simulate(market(), signals_for(), **RULES)
    assert sorted(result.metrics) == sorted(_core.METRICS)
    assert set(result.undefined.values()) <= set(_core.UNDEFINED)


def smooth_market(rows: int) -> pl.DataFrame:
    return market(rows).drop("conversion_rate")


def counts(signals: Any, confidence: Any = None, **given: Any) -> tuple[dict[str, int], tuple[str, ...]]:
    result = ktrdr.simulate(smooth_market(len(signals)), signals, confidence, **given)
    found = dict(result.signal_counts)
    assert result.decisions.height == len(signals)
    assert found["signals"] == sum(count for name, count in found.items() if name != "signals")
    assert pickle.loads(pickle.dumps(result)).signal_counts == found
    return found, result.warnings


def test_own_signals_all_pass_unless_a_filter_is_named() -> None:
    """A buy and a sell in turn, one hour apart, half of them hardly sure."""
    signals = [1, -1] * 30
    sure = [0.9, 0.1] * 30
    found, warnings = counts(signals, sure)
    assert found == {"signals": 60, "traded": 60, "threshold": 0, "separation": 0, "position": 0, "short": 0}
    assert warnings == ()
    found, warnings = counts(signals, sure, decisions={"filters": {"min_signal_separation": 4}})
    # A fill an hour after each order: one of five may trade; a sell that meets no long opens a short.
    assert (found["traded"], found["separation"]) == (12, 48)
    assert warnings == ("decisions: 48 of 60 signals were stopped, by min_signal_separation (4 h) 48",)
    found, warnings = counts(signals, sure, decisions={"confidence_threshold": 0.5})
    # Every second bar a buy: the first opens, the others find the long.
    assert (found["traded"], found["threshold"], found["position"]) == (1, 30, 29)
    assert warnings == ("decisions: 30 of 31 signals were stopped, by confidence_threshold (0.5) 30",)


def test_a_short_opens_from_flat_as_allow_short_says() -> None:
    signals = [-1, 0, 0, 0]
    for allowed, traded in ((True, 1), (False, 0)):
        found, warnings = counts(signals, execution={"allow_short": allowed})
        # A run that is long only by its rules stops its shorts without a warning.
        assert (found["traded"], found["short"], warnings) == (traded, 1 - traded, ())
    found, warnings = counts(signals, decisions={"allow_short_from_flat": False})
    assert found["short"] == 1
    assert warnings == ("decisions: 1 of 1 signals were stopped, by allow_short_from_flat (false) 1",)


def test_half_of_the_signals_is_no_warning_and_one_more_is() -> None:
    for sure, warned in (([0.9, 0.1, 0.1, 0.9], False), ([0.1, 0.1, 0.1, 0.9], True)):
        warnings = counts([1, -1, 1, -1], sure, decisions={"confidence_threshold": 0.5})[1]
        assert bool(warnings) == warned, sure


def test_signals_of_a_state_are_no_stopped_signals() -> None:
    """Long or short on every bar: the position answers most of them, and nothing is lost."""
    found, warnings = counts([1] * 20 + [-1] * 20, execution={"on_opposite": "reverse"})
    assert (found["traded"], found["position"], warnings) == (2, 38, ())


@pytest.mark.parametrize("door", ["simulate", "fed", "restored"])
def test_every_door_has_the_neutral_defaults(door: str) -> None:
    signals = signals_for()
    sure = np.full(300, 0.01, np.float32)
    given: dict[str, Any] = {"metrics": {"periods_per_year": 252}}
    neutral = {"confidence_threshold": 0, "allow_short_from_flat": True, "filters": {"min_signal_separation": 0}}
    expected = ktrdr.simulate(market(), signals, sure, decisions=neutral, **given)
    if door == "simulate":
        result = ktrdr.simulate(market(), signals, sure, **given)
    elif door == "fed":
        stream = ktrdr.SimulationStream(timeframe="1h", **given)
        stream.feed(market(), signals, sure, last=True)
        result = stream.result()
    else:
        run = ktrdr.Simulation(market(), signals, sure, **given)
        run.run(until=100)
        again = ktrdr.Simulation.restore(run.snapshot(), market(), signals, sure, ledger=run.ledger())
        again.run()
        result = again.result()
    assert result.result_hash == expected.result_hash
    assert result.decisions.equals(expected.decisions) and result.decisions.height == 300
    assert result.signal_counts["signals"] == int(np.count_nonzero(signals))
    assert expected.metrics["trades"] > 10


def test_a_key_that_is_named_keeps_the_other_defaults_neutral() -> None:
    found, _ = counts([1, -1] * 10, [0.2] * 20, decisions={"position_awareness": False})
    assert (found["threshold"], found["separation"], found["short"]) == (0, 0, 0)
    with pytest.raises(ktrdr.KtrdrError, match="min_signal_separation"):
        ktrdr.simulate(market(4), [0] * 4, decisions={"filters": {"min_signal_separatoin": 1}})  # type: ignore[typeddict-unknown-key]


def test_rules_of_a_strategy_keep_their_defaults() -> None:
    rules = parse_decisions({})
    assert (rules.confidence_threshold, rules.filters.min_signal_separation) == (0.5, 4.0)
    found, _ = counts([1, -1] * 10, [0.2] * 20, decisions=rules)
    assert found["threshold"] == 20


def test_the_benchmark_is_scaled_to_the_money_in_the_market() -> None:
    result = ktrdr.simulate(market(), signals_for(), **RULES)
    shares = [abs(row["equity"] - row["cash"]) / row["equity"] for row in result.equity.iter_rows(named=True)]
    held = [share for share in shares if share > 0]
    found = result.scaled_benchmark
    whole = result.metrics["benchmark_return"]
    assert found is not None and whole is not None and held
    assert found.position_share == pytest.approx(sum(held) / len(held))
    assert found.invested_share == pytest.approx(sum(shares) / len(shares))
    assert found.invested_share / found.position_share == pytest.approx(result.metrics["exposure"])
    assert found.at_position_share == whole * found.position_share
    assert found.at_invested_share == whole * found.invested_share
    assert pickle.loads(pickle.dumps(result)).scaled_benchmark == found


def test_a_run_without_a_position_has_no_scaled_benchmark() -> None:
    assert ktrdr.simulate(market(), [0] * len(market())).scaled_benchmark is None


def test_rules_in_force_are_those_of_the_run() -> None:
    plain = ktrdr.simulate(market(), signals_for()).in_force
    assert plain["execution.sizing"].value == {"kind": "cash_fraction", "fraction": 0.25}
    assert {rule.origin for rule in plain.values()} == {"default"}
    given = ktrdr.simulate(market(), signals_for(), execution={"commission": {"rate": 0.0}}).in_force
    assert (given["execution.commission.rate"].value, given["execution.commission.rate"].origin) == (0.0, "argument")
    assert given["execution.slippage"].origin == "default"


@pytest.mark.parametrize(
    ("timeframe", "hours", "offset"),
    [("1h", 1, 0), ("1h", 1, 13), ("1d", 24, 0), ("1w", 168, 0), ("4h", 4, 2)],
)
@pytest.mark.parametrize("week", ["all days", "Sunday evening to Friday", "Sunday to Thursday", "Monday to Friday"])
def test_daily_returns_are_those_that_the_core_counts(timeframe: str, hours: int, offset: int, week: str) -> None:
    rows = 1_200 if timeframe != "1w" else 60
    start = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=offset)
    stamps = [start + timedelta(hours=hours * row) for row in range(rows)]
    opens = {
        "all days": lambda at: True,
        "Sunday evening to Friday": lambda at: at.weekday() < 5 or (at.weekday() == 6 and at.hour >= 21),
        "Sunday to Thursday": lambda at: at.weekday() not in {4, 5},
        "Monday to Friday": lambda at: at.weekday() < 5,
    }
    kept = [at for at in stamps if timeframe == "1w" or opens[week](at)]
    bars = market(len(kept)).with_columns(timestamp=pl.Series(kept))
    result = ktrdr.simulate(bars, signals_for(len(kept)), timeframe=timeframe, warmup_bars=7)
    found = result.daily_returns
    assert result.blocks is not None
    assert len(found) == result.metrics["daily_returns"]
    block = 16 * np.arange(len(found)) // len(found)
    for number, (n, total, squares) in enumerate(result.blocks):
        mine = found[block == number]
        assert len(mine) == n
        assert mine.sum() == pytest.approx(total, abs=1e-12)
        assert (mine**2).sum() == pytest.approx(squares, abs=1e-12)


def test_the_rules_of_a_result_make_it_again() -> None:
    result = ktrdr.simulate(market(), signals_for(), **RULES)
    rules: Any = result.rules
    again = ktrdr.simulate(
        market(), signals_for(), execution=rules["execution"], decisions=rules["decisions"], metrics=rules["metrics"]
    )
    assert again.rules == rules
    assert again.result_hash == result.result_hash


def test_a_figure_of_the_caller_changes_no_hash() -> None:
    bars = pl.DataFrame(market())
    result, other = (ktrdr.simulate(bars, signals_for()) for _ in range(2))
    result.metrics["note"] = 1.0  # type: ignore[index]
    assert result.equity.equals(other.equity)
    assert result.result_hash == pickle.loads(pickle.dumps(result)).result_hash == other.result_hash


def test_orders_of_which_none_is_filled_are_said() -> None:
    signals = [1, 0, 1, 0, 0]
    found, warnings = counts(signals, execution={"sizing": {"kind": "fixed_quantity", "quantity": 1e9}})
    assert found["traded"] == 2
    assert warnings == ("orders: none was filled; reasons of refusal: margin 2 (see `refused`)",)
    _, warnings = counts([0, 0, 0, 1], execution={"close_at_end": False})
    assert warnings == ("orders: none was filled; reasons of refusal: end_of_data 1 (see `refused`)",)
