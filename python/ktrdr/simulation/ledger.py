"""Tables of a run as polars frames, and back to the columns that the core reads; schemas come from the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._lazy import require
from ktrdr.errors import ArgumentInvalid

if TYPE_CHECKING:
    import pandas as pd

CoreColumns = Mapping[str, NDArray[Any]]
Extra = Mapping[str, str | range]
TableName = Literal["fills", "trades", "equity", "refused", "decisions"]

TIME = pl.Datetime("ns", "UTC")
_DTYPES: dict[str, Any] = {
    "i64": pl.Int64,
    "i8": pl.Int8,
    "f64": pl.Float64,
    "f32": pl.Float32,
    "str": pl.String,
    "time": TIME,
    "reason": pl.Enum(_core.REASONS),
    "refusal": pl.Enum(_core.REFUSALS),
    "decision": pl.Enum(_core.DECISIONS),
}
_FRAME_NAMES = {"signal": "raw_signal", "code": "decision"}
"""Columns of decisions that have another name in frames than in the core."""
_CORE_NAMES = {frame_name: core_name for core_name, frame_name in _FRAME_NAMES.items()}


def _schema(table: str) -> dict[str, Any]:
    """Returns the polars types of a table's columns, in the order of the core's schema."""
    return {_FRAME_NAMES.get(name, name): _DTYPES[kind] for name, kind, _ in _core.LEDGER_SCHEMA[table]}


_BAR = {"bar": pl.Int64}
_REBUILT = dict.fromkeys(("cash", "quantity", "drawdown"), pl.Float64)
# The core keeps no bar of a decision, and of the equity curve one number per bar; the rest is rebuilt on request.
EQUITY: dict[str, Any] = {**_BAR, "time": TIME, **_schema("equity"), **_REBUILT}
DECISIONS: dict[str, Any] = {**_BAR, **_schema("decisions")}
SCHEMAS: dict[TableName, dict[str, Any]] = {
    "fills": _schema("fills"),
    "trades": _schema("trades"),
    "equity": EQUITY,
    "refused": _schema("refused"),
    "decisions": DECISIONS,
}
_CATEGORIES = {
    (name, kind): pl.Series(name, kind.categories, kind)
    for schema in SCHEMAS.values()
    for name, kind in schema.items()
    if isinstance(kind, pl.Enum)
}
"""Every value of a column of enums, in the order of the core's codes."""
TABLES: tuple[TableName, ...] = tuple(SCHEMAS)
"""Names of the tables, in the core's order."""
PER_BAR: frozenset[TableName] = frozenset({"equity", "decisions"})
"""Tables with a row for each simulated bar."""


def row_counts(core: _core.Simulation) -> dict[str, int]:
    """Returns the rows of each table so far."""
    return dict(zip(_core.LEDGER_SCHEMA, core.row_counts, strict=True))


def taken_rows(core: _core.Simulation, ledger: Mapping[str, Any] | None) -> dict[str, int]:
    """Returns the rows of each table that a run has written before those of the ledger that it was restored with."""
    given = {} if ledger is None else ledger
    held = {name: table_of(name, given[name]).height if name in given else 0 for name in TABLES}
    counts = row_counts(core)
    return {name: counts[name] - held[name] for name in TABLES}


def rows_of(core: _core.Simulation, name: TableName, first: int, stop: int) -> pl.DataFrame:
    """Returns rows ``first`` to ``stop`` of a table other than equity; raises ``ArgumentInvalid`` for taken ones."""
    extra: dict[str, str | range] = {"symbol": core.symbol}
    if name == "decisions":
        extra["bar"] = range(core.warmup_bars + first, core.warmup_bars + stop)
    return to_frame(name, core.table(name, first), stop - first, extra)


def to_frame(name: TableName, columns: CoreColumns, rows: int, extra: Extra) -> pl.DataFrame:
    """Returns the first ``rows`` rows of the core's columns as a frame.

    Args:
        name: the table.
        columns: of the core, by its names; a nullable column ``c`` has a companion ``c_valid`` unless every row has a
            value, and is not there if none has.
        rows: number of rows to take; the core may have written more since.
        extra: columns that the core does not keep: one text for every row, or a range of bars.
    """
    schema = SCHEMAS[name]
    return pl.DataFrame([_series(column, kind, columns, rows, extra) for column, kind in schema.items()])


def _series(name: str, kind: Any, columns: CoreColumns, rows: int, extra: Extra) -> pl.Series:
    if name in extra:
        value = extra[name]
        if isinstance(value, str):
            return pl.Series(name, [value], kind).new_from_index(0, rows)
        return pl.Series(name, value, kind)
    core_name = _CORE_NAMES.get(name, name)
    if core_name not in columns:
        return _null(name, kind).new_from_index(0, rows)
    if isinstance(kind, pl.Enum):
        # By its place in the list. `gather` and `cat.to` plan and run a query, ten times as long for few rows. After a
        # long run the first call of a function waits for its code, some 0.1 ms, so there are few of them.
        return _CATEGORIES[name, kind][pl.Series(columns[core_name][:rows].astype(np.uint32))]
    values = pl.Series(name, columns[core_name][:rows])
    if f"{core_name}_valid" in columns:
        # A `when` plans and runs a query, five times as long.
        return values.zip_with(pl.Series(columns[f"{core_name}_valid"][:rows]), _null(name, kind))
    # All other types are those of the core's columns already.
    return values.cast(TIME) if kind == TIME else values


def _null(name: str, kind: Any) -> pl.Series:
    return pl.Series(name, [None], kind)


def to_columns(ledger: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the core's columns of a ledger: polars or Arrow tables by name, and the bytes of ``taken``, if given.

    A table that is not given has no rows. Raises ``ArgumentInvalid`` for what is no table, and for a column that is
    missing or of another type.
    """
    given = {} if ledger is None else ledger
    columns: dict[str, Any] = {name: _columns(name, given.get(name)) for name in TABLES}
    if "taken" in given:
        facts = column_of("taken", table_of("taken", given["taken"]), "facts", pl.Binary)
        if len(facts) != 1:
            raise ArgumentInvalid(
                "not the row that the run returned", where="ledger taken", found=len(facts), expected=1
            )
        columns["taken"] = facts[0]
    return columns


def table_of(name: str, table: Any) -> pl.DataFrame:
    """Returns a table of a ledger as a frame; raises ``ArgumentInvalid`` for what is no table."""
    try:
        return pl.DataFrame(table)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        found = type(table).__name__
        raise ArgumentInvalid("not a table", where=f"ledger {name}", found=found, expected="polars or Arrow") from None


def column_of(name: str, table: pl.DataFrame, column: str, kind: Any) -> pl.Series:
    """Returns a column of a ledger's table in its type; raises ``ArgumentInvalid`` if it is missing or of another."""
    where = f"ledger {name}"
    if column not in table.columns:
        raise ArgumentInvalid("a column is missing", where=where, expected=column)
    values = table[column]
    try:
        return values.cast(kind)
    except pl.exceptions.PolarsError:
        raise ArgumentInvalid(
            "a column has another type", where=where, found=f"{column}: {values.dtype}", expected=str(kind)
        ) from None


def _columns(name: TableName, table: Any) -> dict[str, NDArray[Any]]:
    schema = SCHEMAS[name]
    frame = pl.DataFrame(schema=schema) if table is None else table_of(name, table)
    columns: dict[str, NDArray[Any]] = {}
    for column, kind in schema.items():
        values = column_of(name, frame, column, kind)
        core_name = _CORE_NAMES.get(column, column)
        columns[f"{core_name}_valid"] = values.is_not_null().to_numpy()
        columns[core_name] = _to_numpy(values)
    return columns


def _to_numpy(values: pl.Series) -> NDArray[Any]:
    if values.dtype == pl.String:
        # The core keeps one symbol for the whole run and reads no column of it.
        return np.empty(0)
    if isinstance(values.dtype, pl.Enum):
        values = values.to_physical().cast(pl.UInt8)
    elif isinstance(values.dtype, pl.Datetime):
        values = values.dt.timestamp("ns")
    return np.ascontiguousarray(values.fill_null(0).to_numpy())


def pandas_frame(table: pl.DataFrame) -> pd.DataFrame:
    """Returns a table of a ledger as a pandas frame; one with a ``time`` is indexed by it.

    Raises ``LibraryMissing`` without the extra ``ktrdr[pandas]``.
    """
    require("pandas", "pyarrow")
    frame = table.to_pandas()
    return frame.set_index("time") if "time" in frame.columns else frame
