"""The bars' order: columns that bring stamps or row labels are put into it, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import RowNumbers, Stamps
from ktrdr.data.frames import Table, has_stamp_index, index_stamps, is_pandas, opens_of, polars_frame, table_of
from ktrdr.data.headings import require_distinct
from ktrdr.errors import ArgumentInvalid, DataError
from ktrdr.time import Timeframe, iso

_BY_POSITION = "reindex it to the bars, or give plain values (.to_numpy()) in the bars' order"


@dataclass(frozen=True, eq=False)
class BarOrder:
    """The order of the bars of a call.

    Args:
        table: the bars as the caller gave them.
        stamps: their opens, [n_bars, int64, ns UTC].
        timeframe: length of a bar.

    >>> import polars as pl
    >>> order = BarOrder(None, np.array([0, 60_000_000_000]), Timeframe.M1)
    >>> column = pl.DataFrame({"timestamp": [60_000_000_000, 0], "signal": [-1, 1]})
    >>> order.arrange("signals", column).tolist()
    [1, -1]
    """

    table: Any
    stamps: Stamps
    timeframe: Timeframe

    @property
    def rows(self) -> int:
        """Returns the number of bars."""
        return len(self.stamps)

    def arrange(self, name: str, values: object) -> NDArray[Any]:
        """Returns a column's values [n_bars] in the bars' order.

        A pandas column goes by its DatetimeIndex, or by its row labels where the bars are a pandas frame; a frame of
        two columns goes by its ``timestamp``. A default RangeIndex says nothing, and such values go by position, as
        all others do.

        Raises:
            ArgumentInvalid: for stamps or labels that occur twice or are not those of the bars, and for another
                number of values than bars.
        """
        column, stamps = self._parted(name, values)
        if stamps is not None:
            rows = self._rows_by_stamp(name, stamps)
        elif is_pandas(column) and hasattr(column, "index"):
            rows = self._rows_by_label(name, column.index)
        else:
            rows = None
        try:
            given = _values_of(column)
        except (TypeError, ValueError):
            raise ArgumentInvalid("not a column of values", where=name, found=type(values).__name__) from None
        if given.ndim != 1:
            raise ArgumentInvalid("one value per bar is needed", where=name, found=f"shape {given.shape}")
        if len(given) != self.rows:
            raise ArgumentInvalid("one value per bar is needed", where=name, found=len(given), expected=self.rows)
        return given if rows is None else given[rows]

    def _parted(self, name: str, values: Any) -> tuple[Any, Stamps | None]:
        """Returns a column and its stamps, if it brings some."""
        try:
            if (frame := polars_frame(values)) is not None:
                column, stamps = _only_column(name, frame, frame.columns)
                return column, None if stamps is None else opens_of(frame[:, stamps], self.timeframe)
            if not is_pandas(values) or not hasattr(values, "index"):
                return values, None
            if hasattr(values, "columns"):
                column, stamps = _only_column(name, values.iloc, [str(one) for one in values.columns])
                if stamps is not None:
                    return column, table_of(values).opens(self.timeframe)
                values = column
            if self._has_labels_of_bars(values.index) or not has_stamp_index(values):
                return values, None
            utc, dial = index_stamps(values.index)
            return values, Table({"timestamp": utc}, dial).opens(self.timeframe)
        except DataError as error:
            raise error.but(where=name) from None

    def _has_labels_of_bars(self, index: Any) -> bool:
        return is_pandas(self.table) and bool(index.equals(self.table.index))

    def _rows_by_stamp(self, name: str, stamps: Stamps) -> RowNumbers | None:
        if np.array_equal(stamps, self.stamps):
            return None
        order = np.argsort(stamps, kind="stable")
        found = stamps[order]
        if (again := np.flatnonzero(np.diff(found) == 0)).size:
            what = f"{len(again):,} stamps, the first {iso(int(found[again[0]]))}, row {int(order[again[0] + 1])}"
            raise ArgumentInvalid("stamps occur twice", where=name, found=what, hint="keep one value for each bar")
        if np.array_equal(found, self.stamps):
            return order
        without = np.flatnonzero(~np.isin(self.stamps, found))
        beside = np.flatnonzero(~np.isin(stamps, self.stamps))
        first = iso(int(self.stamps[without[0]])) if len(without) else None
        other = iso(int(stamps[beside[0]])) if len(beside) else None
        raise self._misfit(name, (len(without), first), (len(beside), other))

    def _rows_by_label(self, name: str, index: Any) -> RowNumbers | None:
        if self._has_labels_of_bars(index):
            return None
        labels = self.table.index if is_pandas(self.table) else None
        if _is_default(index):
            if labels is not None and not _is_default(labels) and _is_default(labels, in_any_order=True):
                raise ArgumentInvalid(
                    "the column has the row labels of the bars, in another order, or none",
                    where=name,
                    hint="give it the index of the bars, or plain values (.to_numpy()) in the bars' order",
                )
            return None
        if labels is None:
            raise ArgumentInvalid(
                "the column has row labels and the bars have none", where=name, found=index[0], hint=_BY_POSITION
            )
        if index.has_duplicates:
            twice = index[index.duplicated()]
            what = f"{len(twice):,} labels, the first {twice[0]}"
            raise ArgumentInvalid("row labels occur twice", where=name, found=what, hint="keep one value for each bar")
        rows = np.asarray(index.get_indexer(labels))
        without = np.flatnonzero(rows < 0)
        beside = np.flatnonzero(~index.isin(labels))
        if len(without) or len(beside):
            first = str(labels[without[0]]) if len(without) else None
            other = str(index[beside[0]]) if len(beside) else None
            raise self._misfit(name, (len(without), first), (len(beside), other))
        return rows

    def _misfit(self, name: str, without: tuple[int, str | None], beside: tuple[int, str | None]) -> ArgumentInvalid:
        parts = []
        if without[0]:
            parts.append(f"{without[0]:,} of {self.rows:,} bars without a value, the first {without[1]}")
        if beside[0]:
            parts.append(f"{beside[0]:,} values without a bar, the first {beside[1]}")
        return ArgumentInvalid(
            "the rows are not those of the bars", where=name, found=" and ".join(parts), hint=_BY_POSITION
        )


def _values_of(column: Any) -> NDArray[Any]:
    """Returns the values of a column; of a column without a type every one is None."""
    if isinstance(column, pl.Series) and column.dtype == pl.Null:
        return np.full(len(column), None)  # polars would make NaN of float32 of them
    return np.asarray(column)


def _only_column(name: str, frame: Any, names: list[str]) -> tuple[Any, int | None]:
    """Returns the one column beside the stamps, and the place of the stamps if there are some."""
    require_distinct(names)
    stamps = next((at for at, one in enumerate(names) if one.lower() == "timestamp"), None)
    others = [at for at in range(len(names)) if at != stamps]
    if len(others) != 1:
        found = ", ".join(names[at] for at in others) or "none"
        raise ArgumentInvalid("one column of values is needed", where=name, found=found)
    return frame[:, others[0]], stamps


def _is_default(index: Any, *, in_any_order: bool = False) -> bool:
    """Returns True for the labels 0, 1, 2, ... that pandas makes of nothing."""
    if getattr(index.dtype, "kind", "O") not in "iu":
        return False
    labels = np.asarray(index)
    return np.array_equal(np.sort(labels) if in_any_order else labels, np.arange(len(labels)))
