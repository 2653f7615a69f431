"""Errors of bars and of files of bars."""

from __future__ import annotations

from typing import Any

from ktrdr.errors.base import KtrdrError


class DataError(KtrdrError, ValueError):
    """Bars that cannot be used; ``symbol``, ``timeframe``, ``row`` (from 0) and ``field`` say where.

    Where a whole file was audited, ``table`` lists every broken rule: row, field, value, rule.
    """

    place_fields = ("symbol", "timeframe", "row", "field", "table")
    symbol: str | None
    timeframe: str | None
    row: int | None
    field: str | None
    table: list[dict[str, Any]] | None

    def _details(self) -> list[str | None]:
        series = " ".join(part for part in (self.symbol, self.timeframe) if part)
        return [series, None if self.row is None else f"row {self.row}", self.field]


class DataEmpty(DataError, code="data_empty"):
    """A series without bars."""


class DataTooShort(DataError, code="data_too_short"):
    """Fewer bars than the warm-up needs."""


class DataNonfinite(DataError, code="data_nonfinite"):
    """NaN or infinity among prices or volumes."""


class DataOhlcOrder(DataError, code="data_ohlc_order"):
    """High below, or low above, another price of the bar."""


class DataDuplicate(DataError, code="data_duplicate"):
    """A stamp that occurs twice."""


class DataUnsorted(DataError, code="data_unsorted"):
    """A stamp earlier than the one before it."""


class DataNoTimezone(DataError, code="data_no_timezone"):
    """Stamps without a time zone."""


class DataTimeUnit(DataError, code="data_time_unit"):
    """Stamps in the wrong unit, such as milliseconds among nanoseconds."""


class DataPriceRange(DataError, code="data_price_range"):
    """A price that is zero or negative, or a volume below zero."""


class DataTimeframe(DataError, code="data_timeframe"):
    """A spacing of stamps that is not the timeframe."""


class DataParse(DataError, code="data_parse"):
    """A cell that cannot be read; ``where`` holds file, line and column."""


class DataChanged(DataError, code="data_changed"):
    """A stored series whose bars are not those that were imported."""


class DataNotFound(DataError, FileNotFoundError, code="data_not_found"):
    """A series that the data folder does not hold."""


class DataExists(DataError, code="data_exists"):
    """An import over a stored series without ``--replace`` or ``--append``."""


class DataMixed(DataError, code="data_mixed"):
    """Synthetic and real series in one run."""


class DataNoVolume(DataError, code="data_no_volume"):
    """An indicator that reads volume on a series that has none."""


class DataLookahead(DataError, code="data_lookahead"):
    """A higher series whose bars know what the base series learns later."""


class LookaheadFound(DataError, code="lookahead_found"):
    """Features or signals that know the future, by the proof of ``ktrdr verify look-ahead``."""


class DataResampleGrid(DataError, code="data_resample_grid"):
    """Bars that cross the edges of the longer bars to be made from them."""


class DataAmbiguousTime(DataError, code="data_ambiguous_time"):
    """A local hour that occurs twice and cannot be told apart by file order."""
