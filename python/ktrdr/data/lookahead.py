"""Refuses a higher series that knows the future: its closes are compared with those of a finer series."""

from __future__ import annotations

import numpy as np

from ktrdr.data.bars import BarSeries
from ktrdr.data.overrun import REACH_NS, Overrun, find_overrun
from ktrdr.errors import DataLookahead
from ktrdr.time import NS_PER_HOUR, SECONDS_PER_UNIT, iso

# Measured on EURUSD days that honestly end three hours before their date does: by chance some k fits with under half
# in 22 % of windows of 3 bars, 7 % of 5, 0.7 % of 10, none of 20. So a few bars convict only if they fit exactly.
_ENOUGH_BARS = 20
_FEWEST_BARS = 3
_EXACT_RATE = 1e-9


def check_lookahead(higher: BarSeries, base: BarSeries) -> None:
    """Raises ``DataLookahead`` where the higher closes fit base closes *after* their assumed end.

    A higher bar is assumed to end at its stamp plus its timeframe. Its close is compared with the base close at
    that instant and at the k-th base bar after it, up to 36 hours (at least one higher bar); a k > 0 whose median
    absolute difference is under half of that at the assumed end tells that the bars are dated too early. A single
    bar is refused where its prices are exactly those of base bars that run past its end.
    """
    found = bars_early(higher, base)
    if found is not None:
        hours = found * base.timeframe.seconds / SECONDS_PER_UNIT["h"]
        raise DataLookahead(
            "the bars are known before they have closed",
            symbol=higher.symbol or None,
            timeframe=higher.timeframe.value,
            found=f"closes that fit {base.timeframe.value} closes {hours:g} h of trading after their assumed end",
            expected="closes that fit at their assumed end",
            hint=_cause(higher) or "import the series again: its dates need --tz or --session-end",
        )
    overrun = find_overrun(higher, base)
    if overrun is not None:
        raise _early_bar(higher, base, overrun)


def _early_bar(higher: BarSeries, base: BarSeries, overrun: Overrun) -> DataLookahead:
    end_ns = int(higher.close_ns[overrun.row])
    hours = (overrun.last_close_ns - end_ns) / NS_PER_HOUR
    return DataLookahead(
        f"the bar of {iso(int(higher.timestamp[overrun.row]))} is known before it has closed",
        symbol=higher.symbol or None,
        timeframe=higher.timeframe.value,
        row=overrun.row,
        found=f"prices of {base.timeframe.value} bars up to {iso(overrun.last_close_ns)}, {hours:g} h after its end",
        expected=f"prices of bars that have closed by {iso(end_ns)}",
        hint=_cause(higher)
        or "it was made from bars that run past its end: make it again with `ktrdr data resample`, "
        "or import it again with --tz or --session-end",
    )


def _cause(higher: BarSeries) -> str:
    """Returns the advice for a series of which the source is known."""
    finer = higher.provenance.resampled_from
    if finer is None:
        return ""
    return (
        f"it was made from {finer.value} bars that run past its end: "
        f"`ktrdr data resample {higher.symbol} {higher.timeframe.value} --replace` makes it from bars that fit"
    )


def bars_early(higher: BarSeries, base: BarSeries) -> int | None:
    """Returns by how many base bars the higher bars are known before they close; None where they are not.

    It is the k > 0 whose median difference is smallest, if that is under half of the difference at k = 0.
    """
    ends = higher.close_ns
    covered = (ends >= base.close_ns[0]) & (ends <= base.close_ns[-1])
    if not covered.any():
        return None
    closes = higher.close[covered]
    at_end = np.searchsorted(base.close_ns, ends[covered], side="right") - 1
    half = float(np.median(np.abs(closes - base.close[at_end]))) / 2
    if half == 0:
        return None
    exact = min(half, _EXACT_RATE * float(np.median(closes)))
    reach = max(REACH_NS, higher.timeframe.ns) // base.timeframe.ns
    best: tuple[float, int] | None = None
    for k in range(1, reach + 1):
        there = int(np.searchsorted(at_end, len(base) - k))  # those with a k-th base bar after their end
        if there < _FEWEST_BARS:
            break
        limit = half if there >= _ENOUGH_BARS else exact
        gaps = np.abs(closes[:there] - base.close[at_end[:there] + k])
        if 2 * np.count_nonzero(gaps < limit) < there:
            continue  # A median under the limit needs half of the differences under it; counting is quicker.
        median = float(np.median(gaps))
        if median < limit and (best is None or median < best[0]):
            best = (median, k)
    return best[1] if best else None
