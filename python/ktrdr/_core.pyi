"""The compiled core of ktrdr."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypedDict, final

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Singles = NDArray[np.float32]
_Ints = NDArray[np.int64]
_Signs = NDArray[np.int8]
_Bytes = NDArray[np.uint8]
_Parts = Sequence[tuple[str, bytes]]

class _Bars(Protocol):
    @property
    def timestamp(self) -> _Ints: ...
    @property
    def open(self) -> _Floats: ...
    @property
    def high(self) -> _Floats: ...
    @property
    def low(self) -> _Floats: ...
    @property
    def close(self) -> _Floats: ...
    @property
    def half_spread(self) -> _Floats | None: ...
    @property
    def atr(self) -> _Floats | None: ...
    @property
    def conversion_rate(self) -> _Floats | None: ...

class _Metric(TypedDict):
    unit: str
    kind: str
    better: str
    definition: str
    whole: bool
    headline: bool

__all__ = [
    "AUDIT_FIELDS",
    "AUDIT_RULES",
    "BAR_RULES",
    "BUILT_FOR",
    "CLOSE_ANY",
    "CLOSE_LONG",
    "CLOSE_SHORT",
    "DECISIONS",
    "ENTER_LONG",
    "ENTER_SHORT",
    "LEDGER_SCHEMA",
    "MEMBERSHIPS",
    "METRICS",
    "METRIC_KINDS",
    "PAGE_ROWS",
    "REASONS",
    "REFUSALS",
    "SEMANTICS",
    "UNDEFINED",
    "Simulation",
    "Snapshot",
    "audit_bars",
    "check_bars",
    "classify",
    "content_hash",
    "degrees",
    "fill_memberships",
    "filter_decision",
    "identity",
    "regress",
    "spacing",
]

AUDIT_FIELDS: Final[tuple[str, ...]]
AUDIT_RULES: Final[tuple[str, ...]]
BAR_RULES: Final[dict[str, str]]
BUILT_FOR: Final[str]
CLOSE_ANY: Final[int]
CLOSE_LONG: Final[int]
CLOSE_SHORT: Final[int]
DECISIONS: Final[tuple[str, ...]]
ENTER_LONG: Final[int]
ENTER_SHORT: Final[int]
LEDGER_SCHEMA: Final[dict[str, tuple[tuple[str, str, bool], ...]]]
MEMBERSHIPS: Final[dict[str, tuple[str, ...]]]
METRICS: Final[dict[str, _Metric]]
METRIC_KINDS: Final[tuple[str, ...]]
PAGE_ROWS: Final[int]
REASONS: Final[tuple[str, ...]]
REFUSALS: Final[tuple[str, ...]]
SEMANTICS: Final[int]
UNDEFINED: Final[tuple[str, ...]]

def audit_bars(bars: _Bars, volume: _Floats | None = None) -> tuple[_Ints, _Bytes, _Bytes]: ...
def check_bars(bars: _Bars, previous_ns: int | None = None) -> None: ...
def classify(scores: _Singles) -> tuple[_Signs, _Singles]: ...
def content_hash(parts: Sequence[bytes | NDArray[Any]]) -> bytes: ...
def degrees(kind: str, parameters: Sequence[float], values: _Floats) -> _Floats: ...
def fill_memberships(matrix: _Singles, fills: Sequence[tuple[int, str, Sequence[float], _Floats]]) -> None: ...
def filter_decision(
    decisions: str,
    allow_short: bool,
    signal: int,
    confidence: float,
    stamp_ns: int,
    last_fill_ns: int | None,
    position: int,
) -> tuple[int, str]: ...
def identity(parts: _Parts) -> bytes: ...
def regress(scores: _Singles, edge: float) -> tuple[_Signs, _Singles]: ...
def spacing(stamps: _Ints, threads: int) -> tuple[int, int, int] | None: ...

@final
class Simulation:
    def __new__(
        cls,
        rules: str,
        symbol: str,
        timeframe_ns: int,
        initial_capital: float,
        warmup_bars: int,
        stamps: _Ints | None,
        checks_prices: bool = False,
        keeps_curve: bool = True,
        threads: int = 1,
    ) -> Simulation: ...
    @staticmethod
    def restore(snapshot: Snapshot, ledger: Mapping[str, Any]) -> tuple[Simulation, list[tuple[str, bytes]]]: ...
    def over(self, bars: _Bars) -> Simulation: ...
    def fork(self, parent: bytes, rules: str, bars: _Bars | None) -> Simulation: ...
    def advance(self, bars: _Bars, row: int, signals: _Signs, confidence: _Singles | None, last: bool) -> None: ...
    def sweep(
        self,
        bars: _Bars,
        signals: _Signs,
        confidence: _Singles | None,
        changes: str,
        choices: NDArray[np.int32],
        threads: int,
    ) -> tuple[_Floats, _Floats, list[str | None]]: ...
    def parts(
        self, bars: _Bars, first_row: int, signals: _Signs, confidence: _Singles | None
    ) -> list[tuple[str, bytes]]: ...
    def snapshot(self, parts: _Parts) -> bytes: ...
    def let_go(self) -> None: ...
    def taken(self) -> bytes | None: ...
    def metrics(
        self,
    ) -> tuple[list[tuple[str, float | None, str | None]], list[tuple[int, float, float]] | None, float, bool]: ...
    def table(self, name: str, first: int = 0) -> dict[str, NDArray[Any]]: ...
    def equity_columns(self, bars: _Bars, first: int) -> tuple[_Floats, _Floats, _Floats]: ...
    def decision_counts(self) -> list[int]: ...
    def result_hash(
        self,
        times: _Ints,
        fills: int,
        trades: int,
        metrics: Sequence[tuple[str, float | None]],
        ledger: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> bytes: ...
    @property
    def rules(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def timeframe_ns(self) -> int: ...
    @property
    def warmup_bars(self) -> int: ...
    @property
    def next_bar(self) -> int: ...
    @property
    def last_ns(self) -> int | None: ...
    @property
    def ended(self) -> bool: ...
    @property
    def equity(self) -> float: ...
    @property
    def row_counts(self) -> tuple[int, int, int, int, int]: ...
    @property
    def position(self) -> str | None: ...
    @property
    def open_gross(self) -> float: ...
    @property
    def marks_digest(self) -> int: ...

@final
class Snapshot:
    def __new__(cls, blob: bytes) -> Snapshot: ...
    @property
    def identity(self) -> bytes: ...
    @property
    def bar(self) -> int: ...
    @property
    def lineage(self) -> bytes: ...
    @property
    def rows(self) -> list[tuple[str, int]]: ...
    def to_json(self) -> str: ...
