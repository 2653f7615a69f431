"""From a net's scores to signals, and from one bar's signal to a decision; stateless, over the core's arithmetic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrdr import _core
from ktrdr.errors import ArgumentInvalid, DataNoTimezone
from ktrdr.neural.bundle import ModelBundle
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.rules import DecisionRules
from ktrdr.strategy.schema import Strategy

Signals = NDArray[np.int8]
Confidence = NDArray[np.float32]
Instant = int | datetime | np.datetime64
"""A stamp as a caller may give it: ns UTC, or a datetime with a zone (also pandas' or numpy's)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Stamped(Protocol):
    """A bar as `DecisionFunction` reads it."""

    @property
    def timestamp(self) -> Instant:
        """Returns the bar's open."""


class Signal(IntEnum):
    """A direction, of a signal or of a position; HOLD is flat."""

    SELL = -1
    HOLD = 0
    BUY = 1


@dataclass(frozen=True)
class TradingDecision:
    """The decision of one bar.

    Args:
        signal: the order's direction, HOLD for none.
        raw_signal: the net's signal, before the filters.
        confidence: of the net, 0 to 1; NaN where a score is undefined.
        reason: ``traded``, or why not: hold, undefined, threshold, separation, position, short.
        timestamp: the bar's stamp, ns UTC.
    """

    signal: Signal
    raw_signal: Signal
    confidence: float
    reason: str
    timestamp: int


@dataclass(frozen=True, eq=False)
class DecisionFunction:
    """The decision rules of one strategy over one net.

    Args:
        output_format: ``classification`` (three scores a row) or ``regression`` (one).
        edge: the return a regression must clear to trade.
        decisions: threshold, separation and position rules.
        allow_short: whether execution allows shorts.
        bundle: the net; ``batch`` does without.
        threads: torch threads for a single bar.
    """

    output_format: str
    edge: float
    decisions: DecisionRules
    allow_short: bool
    bundle: ModelBundle | None = None
    threads: int = DEFAULT_THREADS

    @classmethod
    def of(
        cls, strategy: Strategy, bundle: ModelBundle | None = None, threads: int = DEFAULT_THREADS
    ) -> DecisionFunction:
        """Returns the function of a strategy, with the rules in force for it."""
        edge = strategy.round_trip_cost * strategy.min_edge_multiplier
        rules = rules_in_force(strategy)
        return cls(strategy.output_format, edge, rules, strategy.execution.allow_short, bundle, threads)

    def batch(self, scores: NDArray[np.float32]) -> tuple[Signals, Confidence]:
        """Returns raw signal [n_bars, int8] and confidence [n_bars, float32].

        Classification takes the softmax, then the first maximum of BUY, HOLD, SELL, and its probability. Regression
        takes returns beyond the edge, and ``min(abs(r) / (3 edge), 1)``. A score that is not finite gives 0 and NaN.

        Args:
            scores: of the net, [n_bars, n_outputs, float32].

        >>> import numpy as np
        >>> from ktrdr.strategy.rules import DecisionRules
        >>> decide = DecisionFunction("classification", 0.0, DecisionRules(), allow_short=True)
        >>> decide.batch(np.array([[0, 0, 9], [np.nan, 0, 0]], np.float32))[0].tolist()
        [-1, 0]
        """
        if self.output_format == "classification":
            return _core.classify(scores)
        return _core.regress(scores, self.edge)

    def __call__(
        self,
        features: Mapping[str, ArrayLike] | NDArray[np.float32],
        position: int,
        bar: Mapping[str, Any] | Stamped,
        last_signal_time: Instant | None = None,
    ) -> TradingDecision:
        """Returns the decision of one bar.

        Args:
            features: values by feature name (for a sequence model the last ``sequence_length`` of each), or an array
                [sequence_length, n_features, float32].
            position: direction of the open position: +1 long, 0 flat, -1 short.
            bar: a mapping or an object with ``timestamp``. Its ``index``, the bar's row counted from the first
                loaded bar, makes the scores equal to those of a whole run to the last bit.
            last_signal_time: stamp of the last fill; None before the first.

        Raises:
            ArgumentInvalid: without a bundle, a feature or a timestamp.
            DataNoTimezone: for a datetime without a time zone.
        """
        stamp = stamp_ns(_value_of(bar, "timestamp"))
        last = None if last_signal_time is None else stamp_ns(last_signal_time)
        row = int(_value_of(bar, "index", 0))
        signals, confidence = self.batch(self._scores(features, row)[None, :])
        order, reason = _core.filter_decision(
            json.dumps(self.decisions.to_core()),
            self.allow_short,
            int(signals[0]),
            float(confidence[0]),
            stamp,
            last,
            int(position),
        )
        return TradingDecision(Signal(order), Signal(int(signals[0])), float(confidence[0]), reason, stamp)

    def _scores(self, features: Mapping[str, ArrayLike] | NDArray[np.float32], row: int) -> NDArray[np.float32]:
        from ktrdr.neural.inference import infer_row

        if self.bundle is None:
            raise ArgumentInvalid("a single bar needs the net", where="bundle", found="none")
        facts = self.bundle.metadata
        window = _window(features, facts.resolved_features)
        return infer_row(self.bundle.model, window, row, threads=self.threads, scale=facts.target_scale)


def rules_in_force(strategy: Strategy) -> DecisionRules:
    """Returns the tests that a strategy's signals must pass.

    A regression has cleared its edge already, so it has no threshold and may always sell short.
    """
    if strategy.output_format == "classification":
        return strategy.decisions
    return strategy.decisions.model_copy(update={"confidence_threshold": 0.0, "allow_short_from_flat": True})


def _window(features: Mapping[str, ArrayLike] | NDArray[np.float32], names: tuple[str, ...]) -> NDArray[np.float32]:
    if isinstance(features, Mapping):
        missing = [name for name in names if name not in features]
        if missing:
            raise ArgumentInvalid("a feature is missing", where="features", expected=missing[0])
        features = np.stack([np.atleast_1d(np.asarray(features[name], np.float32)) for name in names], axis=1)
    return np.atleast_2d(np.asarray(features, np.float32))


def _value_of(bar: Mapping[str, Any] | Stamped, name: str, default: object = None) -> Any:
    value = bar.get(name, default) if isinstance(bar, Mapping) else getattr(bar, name, default)
    if value is None:
        raise ArgumentInvalid("the bar lacks a value", where="bar", expected=name)
    return value


def stamp_ns(moment: Instant) -> int:
    """Returns an instant as ns UTC; an integer is ns UTC already.

    Raises ``DataNoTimezone`` for a datetime without a zone; numpy's have none and are UTC.

    >>> stamp_ns(datetime(1970, 1, 1, 1, tzinfo=UTC))
    3600000000000
    """
    if isinstance(moment, np.datetime64):
        return int(moment.astype("datetime64[ns]").astype(np.int64))
    if not isinstance(moment, datetime):
        return int(moment)
    if moment.tzinfo is None:
        raise DataNoTimezone("the stamp has no time zone", where="timestamp", found=str(moment))
    # A stamp of pandas is a datetime with more digits.
    nanoseconds = getattr(moment, "nanosecond", 0)
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return int(microseconds) * 1_000 + int(nanoseconds)
