"""Series against finer ones and against the base: content that could not be known by a bar's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ktrdr._types import Flags, Floats, RowNumbers, Stamps
from ktrdr.analysis.lookahead.lead import FEWEST_VALUES, Lead, find_lead, is_interpolated
from ktrdr.analysis.lookahead.market import Market
from ktrdr.data.bars import BarSeries
from ktrdr.data.lookahead import bars_early
from ktrdr.data.overrun import find_overrun
from ktrdr.time import NS_PER_HOUR, Timeframe, iso

_EXACT_RATE = 1e-9
_SAME_SOURCE_SHARE = 0.8
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, eq=False)
class SeriesVerdict:
    """The judgement on one series.

    Args:
        name: a timeframe, or the id of an external series.
        says: the evidence in a sentence.
        honest: the market with the series as it was known; None where nothing speaks against the series.
        hint: what to do about it.
    """

    name: str
    says: str
    honest: Market | None = None
    hint: str = ""


def judge_series(market: Market, loaded: Mapping[Timeframe, BarSeries]) -> Iterator[SeriesVerdict]:
    """Yields a judgement on every series of bars that a run loads.

    Args:
        market: every stored series of the symbol; the finer ones are witnesses.
        loaded: the rows that the run loads, by timeframe.
    """
    for timeframe, bars in loaded.items():
        witnesses = [finer for length, finer in sorted(market.series.items()) if length < timeframe]
        verdicts = [
            verdict for finer in witnesses if (verdict := _beside(market, bars, _overlap(finer, bars))) is not None
        ]
        against = next((verdict for verdict in verdicts if verdict.honest is not None), None)
        trusted = SeriesVerdict(timeframe.value, "no finer series is stored, so its timestamps were not checked")
        yield against or next(iter(verdicts), trusted)


def _overlap(finer: BarSeries, bars: BarSeries) -> BarSeries:
    reach_ns = max(3 * bars.timeframe.ns, 72 * NS_PER_HOUR)
    first, stop = np.searchsorted(finer.timestamp, [bars.timestamp[0] - reach_ns, bars.close_ns[-1] + reach_ns])
    return finer.rows(int(first), int(stop))


def _beside(market: Market, bars: BarSeries, finer: BarSeries) -> SeriesVerdict | None:
    """Judges a series beside a finer one; None where the two do not overlap."""
    if len(finer) == 0 or finer.close_ns[-1] < bars.close_ns[0]:
        return None
    name = bars.timeframe.value
    other = finer.timeframe.value
    early = bars_early(bars, finer)
    if early is not None:
        hours = early * finer.timeframe.ns / NS_PER_HOUR
        says = f"{name} closes fit {other} closes {hours:g} h of trading after their assumed end"
        hint = f"import {name} again with --tz or --session-end, or {other} with --stamps close"
        return SeriesVerdict(name, says, _with(market, _redated(bars, finer, early)), hint)
    inside = _Inside.of(bars, finer)
    overrun = find_overrun(bars, finer)
    if overrun is not None:
        hours = (overrun.last_close_ns - int(bars.close_ns[overrun.row])) / NS_PER_HOUR
        stamp = iso(int(bars.timestamp[overrun.row]))
        says = f"the {name} bar of {stamp} holds {other} bars up to {hours:g} h after its end"
        hint = f"`ktrdr data resample {bars.symbol} {name} --replace` makes it from bars that fit"
        return SeriesVerdict(name, says, _with(market, inside.rebuilt(inside.there)), hint)
    return _by_value(market, bars, finer, inside)


def _by_value(market: Market, bars: BarSeries, finer: BarSeries, inside: _Inside) -> SeriesVerdict:
    name = bars.timeframe.value
    other = finer.timeframe.value
    judged = int(np.count_nonzero(inside.whole))
    exact = int(np.count_nonzero(inside.whole & inside.equal))
    if judged and exact >= _SAME_SOURCE_SHARE * judged:
        revised = inside.whole & ~inside.equal
        if revised.any():
            stamp = iso(int(bars.timestamp[int(np.argmax(revised))]))
            count = f"{int(revised.sum()):,} of {judged:,} whole bars"
            says = f"{count} are not those of {other}, first that of {stamp}: they were changed later"
            hint = f"`ktrdr data resample {bars.symbol} {name} --replace` makes them anew"
            return SeriesVerdict(name, says, _with(market, inside.rebuilt(revised)), hint)
        return SeriesVerdict(name, f"{exact:,} of {judged:,} whole bars are those of {other}")
    lead = find_lead(finer, bars.close_ns[inside.there], (bars.close / inside.columns["close"])[inside.there])
    if lead is not None:
        says = f"{name} closes differ from {other} closes in the direction of later prices ({_rank(lead)})"
        hint = f"import {name} as it was recorded, without smoothing, or make it with `ktrdr data resample`"
        return SeriesVerdict(name, says, _with(market, inside.rebuilt(inside.there)), hint)
    late_ns = _late(bars, finer)
    if late_ns:
        hours = late_ns / NS_PER_HOUR
        return SeriesVerdict(
            name, f"closes of {name} are those of {other} {hours:g} h before their ends: late, no leak"
        )
    return SeriesVerdict(name, f"not made of the {other} bars, but its closes fit at their ends")


def _late(bars: BarSeries, finer: BarSeries) -> int:
    """Returns by how long the bars are known too late: nearly all closes are those of a finer bar before their end."""
    at_end = np.searchsorted(finer.close_ns, bars.close_ns, side="right") - 1
    for k in range(1, 2 * bars.timeframe.ns // finer.timeframe.ns + 1):
        there = at_end >= k
        same = np.abs(bars.close[there] - finer.close[at_end[there] - k]) <= _EXACT_RATE * bars.close[there]
        if there.any() and np.count_nonzero(same) >= _SAME_SOURCE_SHARE * np.count_nonzero(there):
            return k * finer.timeframe.ns
    return 0


@dataclass(frozen=True, eq=False)
class _Inside:
    """Bars rebuilt from the finer bars that lie inside each bar.

    Args:
        bars: the bars judged.
        columns: prices by name, made from the finer bars that lie wholly inside.
        there: rows with any finer bar inside.
        whole: rows whose finer bars are all there.
        equal: rows with the prices of their finer bars.
    """

    bars: BarSeries
    columns: Mapping[str, Floats]
    there: Flags
    whole: Flags
    equal: Flags

    @classmethod
    def of(cls, bars: BarSeries, finer: BarSeries) -> _Inside:
        first = np.searchsorted(finer.timestamp, bars.timestamp)
        last = np.searchsorted(finer.close_ns, bars.close_ns, side="right") - 1
        there = first <= last
        begin = np.where(there, first, 0)
        end = np.where(there, last, 0)
        edges = np.stack([begin, end + 1], axis=1).ravel()
        columns = {
            "open": finer.open[begin],
            "high": _between(np.maximum, finer.high, edges),
            "low": _between(np.minimum, finer.low, edges),
            "close": finer.close[end],
        }
        equal = np.logical_and.reduce(
            [np.abs(getattr(bars, name) - columns[name]) <= _EXACT_RATE * columns[name] for name in _PRICES]
        )
        # The first bar of a series may begin amid its interval; the last one may have been stored while it formed.
        settled = there & (last < len(finer) - 1)
        settled[:1] = settled[-1:] = False
        return cls(bars, columns, there, _whole(settled, last - first + 1), equal)

    def rebuilt(self, rows: Flags) -> BarSeries:
        """Returns the bars with these rows made of their finer ones."""
        columns = {name: np.where(rows, self.columns[name], getattr(self.bars, name)) for name in _PRICES}
        return _unchecked(self.bars, columns)


def _between(reduce: np.ufunc, column: Floats, edges: RowNumbers) -> Floats:
    padded = np.append(column, column[-1])  # an edge may lie after the last row
    found: Floats = reduce.reduceat(padded, edges)[::2]
    return found


def _whole(settled: Flags, count: RowNumbers) -> Flags:
    """Returns the settled rows with as many finer bars as most have."""
    usual = Counter(count[settled].tolist()).most_common(1)
    found: Flags = settled & (count >= (usual[0][0] if usual else 1))
    return found


def _redated(bars: BarSeries, finer: BarSeries, early: int) -> BarSeries:
    """Returns the bars dated by the finer close that their closes fit."""
    at_end = np.searchsorted(finer.close_ns, bars.close_ns, side="right") - 1
    known = (at_end >= 0) & (at_end + early < len(finer))
    true_ns = finer.close_ns[np.clip(at_end + early, 0, len(finer) - 1)]
    usual_ns = int(np.median((true_ns - bars.close_ns)[known]))
    true_ns = np.maximum.accumulate(np.where(known, true_ns, bars.close_ns + usual_ns))
    return _unchecked(bars, {"timestamp": true_ns - bars.timeframe.ns})


def _unchecked(bars: BarSeries, columns: Mapping[str, Floats | Stamps]) -> BarSeries:
    names = ("timestamp", *_PRICES, "volume", "half_spread", "conversion_rate", "provenance")
    return BarSeries.of_checked(
        bars.symbol, bars.timeframe, {name: getattr(bars, name, None) for name in names} | dict(columns)
    )


def _with(market: Market, bars: BarSeries) -> Market:
    return replace(market, series={**market.series, bars.timeframe: bars})


def judge_external(market: Market, base: BarSeries, id_: str) -> SeriesVerdict:
    """Judges an external series by its values: on lines between corners, or ahead of the base's returns."""
    known_ns, values = market.context(id_)
    later = replace(
        market,
        external={**market.external, id_: (known_ns[1:], values[:-1])},
        recipes={name: recipe for name, recipe in market.recipes.items() if name != id_},
    )
    hint = "stamp each value with the instant at which it was published"
    if is_interpolated(known_ns, values):
        says = f"{id_} lies on straight lines between a few values: each value between knows the next"
        return SeriesVerdict(id_, says, later, "keep the published values alone: they are carried forward")
    lead = find_lead(base, known_ns, values)
    if lead is not None:
        subject = "changes" if lead.of_change else "values"
        says = f"{subject} of {id_} tell returns that follow them ({_rank(lead)}): it is stamped before it was known"
        return SeriesVerdict(id_, says, later, hint)
    if len(values) < FEWEST_VALUES:
        return SeriesVerdict(id_, f"{len(values)} values are too few to judge, so its timestamps were not checked")
    return SeriesVerdict(id_, "tells no later return; its timestamps were not checked further")


def _rank(lead: Lead) -> str:
    return f"rank correlation {lead.correlation:.2f}, {lead.deviations:.0f} standard deviations"
