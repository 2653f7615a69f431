"""The stamps of a foreign file: when each bar opened, from text, numbers or datetimes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ktrdr._types import Stamps
from ktrdr.data.imports.clock import Clock, Place
from ktrdr.data.imports.units import NS_PER_UNIT, to_ns
from ktrdr.errors import DataNoTimezone, DataParse, DataTimeUnit
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND

_ZONE = r"z|(?:utc|gmt)?[+-]\d{2}(?::?\d{2})?|utc|gmt"
_OFFSET = rf"(?i)\d:\d{{2}}(?:\.\d+)?\s*({_ZONE})$"
_SUFFIX = rf"(?i)(\d:\d{{2}}(?:\.\d+)?)\s*(?:{_ZONE})$"
_PLAIN = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d+)?$"
_EPOCH = r"^(\d{1,7}|\d{9,13}|\d{15,19})(\.0*)?$"
_COMPACT = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d$"
_MINUTE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, eq=False)
class Moments:
    """Stamps as a clock showed them, ns since 1970 of its dial, and what is known of that clock.

    ``utc`` is None where only the user can know it; ``dates`` says that no time of day was written.
    """

    local: Stamps
    utc: Stamps | None
    dates: bool = False

    def instants(self, clock: Clock | None, place: Place) -> Stamps:
        """The stamps in ns UTC; raises ``DataNoTimezone`` for naive ones without a clock."""
        if self.utc is not None:
            return self.utc
        return _needed(clock).to_utc(self.local, place)

    def dial(self, clock: Clock | None) -> Stamps:
        """What the user's clock showed, or the file's own where the user names none."""
        if self.utc is None or clock is None:
            if self.utc is None and not self.dates:
                _needed(clock)
            return self.local
        return clock.local(self.utc)


def _needed(clock: Clock | None) -> Clock:
    if clock is None:
        hint = "name their zone with --tz, such as --tz Europe/Athens or --tz America/New_York+7h"
        raise DataNoTimezone("the stamps have no time zone", field="timestamp", hint=hint)
    return clock


def read_moments(column: pl.Series, place: Place) -> Moments:
    """Stamps from one column of text, whole numbers, dates or datetimes.

    Raises ``DataParse`` with the place of a cell that is no stamp, ``DataTimeUnit``, ``DataNoTimezone`` where
    only some stamps have an offset.
    """
    if column.dtype == pl.String:
        return _from_text(column.str.strip_chars(), place)
    _require_all(column, column, place)
    if isinstance(column.dtype, pl.Date):
        return Moments(_ns(column.cast(pl.Datetime("ns"))), None, dates=True)
    if isinstance(column.dtype, pl.Datetime):
        return _from_datetimes(column)
    if column.dtype.is_numeric():
        return _from_numbers(column, place)
    raise DataParse("the column holds no stamps", where=place(0), field="timestamp", found=str(column.dtype))


def _from_datetimes(column: pl.Series) -> Moments:
    if column.dtype.time_zone is None:  # type: ignore[attr-defined]
        return Moments(_ns(column), None)
    return Moments(_ns(column.dt.replace_time_zone(None)), _ns(column.dt.convert_time_zone("UTC")))


def _from_numbers(column: pl.Series, place: Place) -> Moments:
    values = column.cast(pl.Int64, strict=False)
    _require_all(values, column, place)
    low, high = int(values.min()), int(values.max())  # type: ignore[arg-type]
    if low >= 19_000_101 and high < 21_010_101:  # whole numbers such as 20240102
        return _from_text(values.cast(pl.String), place)
    try:
        utc = to_ns(values.to_numpy())
    except DataTimeUnit as error:
        fields = error.fields()
        raise DataTimeUnit(fields.pop("what"), **fields | {"where": place(error.row or 0)}) from None
    return Moments(utc, utc)


def _from_text(text: pl.Series, place: Place) -> Moments:
    _require_all(text.replace("", None), text, place)
    if text.str.contains(_EPOCH).all() and not text.str.contains(_COMPACT).all():
        return _from_numbers(text.str.replace(r"\.0*$", "").cast(pl.Int64), place)
    offset = text.str.extract(_OFFSET, 1)
    shown = _tidy(text.str.replace(_SUFFIX, "${1}"))
    dates = bool((shown.str.len_chars() == 10).all())
    full = shown.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "$1 00:00").str.replace(r"^(\S+ \d{1,2}:\d{2})$", "$1:00")
    read = full.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)
    _require_all(read, text, place)
    if offset.null_count() not in (0, len(offset)):
        row = int(offset.is_null().arg_max() or 0)
        where = place(row)
        raise DataNoTimezone("no offset, unlike other rows", where=where, row=row, field="timestamp", found=text[row])
    local = _ns(read)
    if offset.null_count():
        return Moments(local, None, dates=dates)
    return Moments(local, local - _offset_ns(offset))


def _tidy(text: pl.Series) -> pl.Series:
    """``2024-01-02 17:00:00`` from the ways to write it."""
    plain = text.str.replace("T", " ", literal=True)
    if plain.str.contains(_PLAIN).all():
        return plain  # spares the many passes below
    return (
        text.str.replace(r"^(\d{4})[./](\d{1,2})[./](\d{1,2})", "$1-$2-$3")
        .str.replace(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})", "$3-$2-$1")
        .str.replace(r"^(\d{4})(\d{2})(\d{2})", "$1-$2-$3")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})\s*[T ]\s*", "$1 ")
        .str.replace(r" (\d{2})(\d{2})(\d{2})$", " $1:$2:$3")
        .str.replace(r"^(\d{4}-\d{2}-\d{2})(\d{2})(\d{2})(\d{2})?$", "$1 $2:$3:$4")
        .str.replace(r":$", "")
        .str.replace(r"-(\d)-", "-0$1-")
        .str.replace(r"^(\d{4}-\d{2}-)(\d)( |$)", "${1}0$2$3")
    )


def _offset_ns(offset: pl.Series) -> Stamps:
    sign = np.where(offset.str.contains("-", literal=True).to_numpy(), -1, 1)
    hours = offset.str.extract(r"[+-](\d{2})", 1).cast(pl.Int64).fill_null(0).to_numpy()
    minutes = offset.str.extract(r"[+-]\d{2}:?(\d{2})", 1).cast(pl.Int64).fill_null(0).to_numpy()
    return np.asarray(sign * (hours * 60 + minutes) * _MINUTE_NS, dtype=np.int64)


def _require_all(read: pl.Series, cells: pl.Series, place: Place) -> None:
    if read.null_count():
        row = int(read.is_null().arg_max() or 0)
        raise DataParse(
            "the cell is no stamp", where=place(row), row=row, field="timestamp",
            found="an empty cell" if cells[row] in (None, "") else str(cells[row]),
            expected="a stamp, such as 2024-03-01 17:00",
        )  # fmt: skip


def _ns(column: pl.Series) -> Stamps:
    per_unit = NS_PER_UNIT[column.dtype.time_unit]  # type: ignore[attr-defined]
    return np.ascontiguousarray(column.to_physical().to_numpy()) * per_unit


def whole_days(local: Stamps) -> bool:
    """Whether every stamp is a midnight of its dial."""
    return bool((local % NS_PER_DAY == 0).all())
