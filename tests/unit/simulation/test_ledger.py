"""Frames have the core's schema, and turn back into the columns that the core reads."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import polars as pl
import pytest

from ktrdr import Simulation, SimulationStream, _core
from ktrdr.errors import ArgumentInvalid, IdentityMismatch
from ktrdr.simulation.ledger import SCHEMAS, TABLES, TableName, row_counts, to_columns, to_frame
from support.runs.signal_runs import RULES, market, signals_for

COLUMN_TYPES = {
    name: column.dtype for name, column in Simulation(market(), signals_for(), **RULES)._core.table("trades").items()
} | {name: np.dtype(np.float64) for name in ("stop_price", "target_price")}
"""Types of the core's columns of trades."""


def run() -> Simulation:
    made = Simulation(market(), signals_for(), symbol="EURUSD", **RULES)
    made.run(until=200)
    return made


def streamed() -> SimulationStream:
    stream = SimulationStream(timeframe="1h", **RULES, metrics={"periods_per_year": 252})
    stream.feed(market()[:200], signals_for()[:200])
    return stream


def test_the_tables_are_the_core_s_in_its_order() -> None:
    assert list(TABLES) == list(_core.LEDGER_SCHEMA) == list(get_args(TableName))


def test_every_frame_has_its_schema() -> None:
    ledger = run().ledger()
    for name in TABLES:
        assert ledger[name].schema == pl.Schema(SCHEMAS[name]), name
    assert SCHEMAS["decisions"].keys() == {"bar", "raw_signal", "confidence", "decision"}
    assert list(SCHEMAS["equity"]) == ["bar", "time", "equity", "cash", "quantity", "drawdown"]


def test_frames_turn_back_into_the_core_s_columns() -> None:
    made = run()
    columns = to_columns(made.ledger())
    counts = row_counts(made._core)
    assert counts["trades"] > 5 and counts["refused"] >= 0
    for name in TABLES:
        for column, values in made._core.table(name).items():
            assert np.array_equal(columns[name][column], values, equal_nan=values.dtype.kind == "f"), (name, column)
            assert columns[name][column].dtype == values.dtype, (name, column)


@pytest.mark.parametrize("given", [[], [True, True], [False, False], [True, False]], ids=str)
def test_a_value_that_is_absent_is_null(given: list[bool]) -> None:
    columns = {name: np.zeros(len(given), kind) for name, kind in COLUMN_TYPES.items()}
    columns |= {"stop_price_valid": np.array(given, bool), "exit_reason": np.arange(len(given), dtype=np.uint8)}
    found = to_frame("trades", columns, len(given), {"symbol": "X"})
    assert found.schema == pl.Schema(SCHEMAS["trades"])
    assert found["stop_price"].to_list() == [0.0 if there else None for there in given]
    assert found["exit_reason"].to_list() == list(_core.REASONS[: len(given)])


@pytest.mark.parametrize("rows", [0, 3])
def test_a_column_without_any_value_is_not_given(rows: int) -> None:
    columns = {name: np.zeros(rows, kind) for name, kind in COLUMN_TYPES.items() if name != "stop_price"}
    found = to_frame("trades", columns, rows, {"symbol": "X"})
    assert found.schema == pl.Schema(SCHEMAS["trades"])
    assert found["stop_price"].to_list() == [None] * rows


def test_arrow_tables_are_read_too() -> None:
    ledger = run().ledger()
    arrow = {name: frame.to_arrow() for name, frame in ledger.items()}
    ours = to_columns(ledger)
    theirs = to_columns(arrow)
    for name in TABLES:
        assert all(np.array_equal(ours[name][column], theirs[name][column]) for column in ours[name])


def test_a_table_without_a_column_is_refused() -> None:
    ledger = run().ledger()
    with pytest.raises(ArgumentInvalid, match="ledger fills: a column is missing: expected price"):
        to_columns(ledger | {"fills": ledger["fills"].drop("price")})


@pytest.mark.parametrize("table", [1, object(), [[1], 2.5, "x"]])
@pytest.mark.parametrize("name", ["fills", "equity", "inputs", "taken"])
def test_what_is_no_table_is_refused(name: str, table: Any) -> None:
    stream = streamed()
    with pytest.raises(ArgumentInvalid, match=f"ledger {name}"):
        SimulationStream.restore(stream.snapshot(), ledger=stream.ledger() | {name: table})


@pytest.mark.parametrize(
    ("name", "column", "expected"),
    [
        ("fills", "bar", "Int64"),
        ("fills", "time", "Datetime"),
        ("fills", "reason", "Enum"),
        ("equity", "equity", "Float64"),
        ("inputs", "signal", "Int8"),
    ],
)
def test_a_column_of_another_type_is_refused(name: str, column: str, expected: str) -> None:
    stream = streamed()
    ledger = stream.ledger()
    words = ledger | {name: ledger[name].with_columns(pl.lit("word").alias(column))}
    with pytest.raises(ArgumentInvalid, match=f"another type: found {column}: String, expected {expected}"):
        SimulationStream.restore(stream.snapshot(), ledger=words)


def test_a_column_that_lost_its_values_is_another_ledger() -> None:
    stream = streamed()
    ledger = stream.ledger()
    for column in ("bar", "time", "reason", "price"):
        empty = ledger["fills"].with_columns(pl.lit(None).alias(column))
        with pytest.raises(IdentityMismatch, match="ledger fills"):
            SimulationStream.restore(stream.snapshot(), ledger=ledger | {"fills": empty})


def test_no_ledger_is_a_ledger_without_rows() -> None:
    assert all(len(column) == 0 for table in to_columns(None).values() for column in table.values())
