"""The report of a look-ahead proof: a verdict for every feature, and the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ktrdr.analysis.lookahead.comparison import shown_value
from ktrdr.time import iso

SIGNALS = "signals"


@dataclass(frozen=True)
class Finding:
    """One value that is another without the future.

    Args:
        feature: the feature, or ``signals``.
        series: the timeframe or external series that carries the future into it.
        stamp_ns: the first base bar at which the value differs, ns UTC.
        with_future: the value beside all bars; NaN where it is undefined.
        without_future: the value beside what was known then.
        cause: a sentence.
        hint: what to do about it.
    """

    feature: str
    series: str
    stamp_ns: int
    with_future: float
    without_future: float
    cause: str
    hint: str = ""

    @property
    def line(self) -> str:
        """Returns place and values in a line; the cause is the series', and said once for all its features."""
        place = f"{self.feature}: leaks through {self.series} at {iso(self.stamp_ns)}"
        return f"{place}: {shown_value(self.with_future)} with the future, {shown_value(self.without_future)} without"

    @property
    def reason(self) -> str:
        """Returns the cause, and what to do about it."""
        return self.cause + (f"; {self.hint}" if self.hint else "")

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding, JSON-ready; an undefined value is None."""
        values = {"with_future": self.with_future, "without_future": self.without_future}
        return {
            "feature": self.feature,
            "series": self.series,
            "stamp": iso(self.stamp_ns),
            **{name: None if math.isnan(value) else value for name, value in values.items()},
            "cause": self.cause,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Evidence:
    """The amount of what was tried.

    Args:
        random_cuts: places at random at which the future was cut off.
        boundary_cuts: places beside closes of higher bars, gaps and midnights at which it was cut off.
        boundaries: such places in the span; fewer cuts than that mean that the time ran out.
        poisonings: places at which the future was made worthless.
        signal_cuts: places at which the signals of a model were compared.
        seconds: time that the proof took.
    """

    random_cuts: int = 0
    boundary_cuts: int = 0
    boundaries: int = 0
    poisonings: int = 0
    signal_cuts: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Returns True if the future was cut off at every boundary."""
        return self.boundary_cuts >= self.boundaries


@dataclass(frozen=True)
class LookaheadReport:
    """The result of `verify_lookahead`.

    Args:
        strategy: its name.
        symbol: whose bars.
        timeframe: the base timeframe.
        first_ns: the first simulated bar, ns UTC.
        last_ns: the last bar, ns UTC.
        rows: simulated bars.
        features: names of all features, in order, with the series that each is computed on.
        findings: leaks, one for each feature; empty for a clean strategy.
        series: the evidence about each series in a sentence, by name.
        model: the model whose signals were compared; None without one.
        evidence: the amount of what was tried.
    """

    strategy: str
    symbol: str
    timeframe: str
    first_ns: int
    last_ns: int
    rows: int
    features: Mapping[str, str]
    findings: Sequence[Finding]
    series: Mapping[str, str]
    model: str | None
    evidence: Evidence

    @property
    def clean(self) -> bool:
        """Returns True if nothing knows the future."""
        return not self.findings

    @property
    def leaks(self) -> tuple[str, ...]:
        """Returns the names of the features that know the future, in the order of the strategy."""
        return tuple(finding.feature for finding in self.findings)

    def __repr__(self) -> str:
        return "\n".join([f"<LookaheadReport {self.headline}>", *self.lines()])

    @property
    def verdict(self) -> str:
        """Returns how many features, and what else, use future data; ``clean`` where nothing does."""
        named = [name for name in self.leaks if name in self.features]
        others = [name for name in self.leaks if name not in self.features]
        parts = [f"{len(named)} of {len(self.features)} features"] if named else []
        return f"{' and '.join([*parts, *others])} use future data" if self.leaks else "clean"

    @property
    def headline(self) -> str:
        """Returns the verdict in a line."""
        run = f"{self.strategy} on {self.symbol} {self.timeframe}, {iso(self.first_ns)} to {iso(self.last_ns)}"
        return f"{run}: {self.verdict}"

    def lines(self) -> list[str]:
        """Returns a line for each leak, and the evidence."""
        leaks = [finding.line for finding in self.findings]
        reasons = dict.fromkeys(f"{finding.series}: {finding.reason}" for finding in self.findings)
        known = {finding.cause for finding in self.findings}
        others = [f"{name}: {says}" for name, says in self.series.items() if says not in known]
        return [*leaks, *reasons, *others, *self._tried()]

    def _tried(self) -> list[str]:
        found = self.evidence
        cuts = f"{found.random_cuts:,} random cuts, {found.boundary_cuts:,} of {found.boundaries:,} boundaries"
        lines = [f"tried: {cuts}, {found.poisonings:,} poisoned futures, {found.seconds:.1f} s"]
        if not found.complete:
            lines.append("stopped by the time limit before the last boundary; raise --seconds")
        signals = f"signals of {self.model}: compared at {found.signal_cuts:,} cuts"
        return [*lines, signals if self.model else "signals: not compared, there is no model of this strategy"]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report, JSON-ready."""
        leaks = {finding.feature: finding.to_dict() for finding in self.findings}
        return {
            "strategy": self.strategy,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            "first": iso(self.first_ns),
            "last": iso(self.last_ns),
            "bars": self.rows,
            "clean": self.clean,
            "leaks": list(leaks.values()),
            "features": [
                {"feature": name, "series": series, "verdict": "leaks" if name in leaks else "clean"}
                for name, series in self.features.items()
            ],
            "series": dict(self.series),
            "model": self.model,
            "tried": {
                "random_cuts": self.evidence.random_cuts,
                "boundary_cuts": self.evidence.boundary_cuts,
                "boundaries": self.evidence.boundaries,
                "poisonings": self.evidence.poisonings,
                "signal_cuts": self.evidence.signal_cuts,
                "seconds": round(self.evidence.seconds, 3),
            },
        }
