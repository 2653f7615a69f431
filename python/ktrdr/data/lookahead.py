"""Whether a higher series knows the future: its closes, dated, against the closes of the base series."""

from __future__ import annotations

import numpy as np

from ktrdr.data.bars import BarSeries
from ktrdr.errors import DataLookahead
from ktrdr.time import NS_PER_SECOND

_REACH_NS = 36 * 3_600 * NS_PER_SECOND
# Measured on EURUSD days that honestly end three hours before their date does: by chance some k fits with under half
# in 22 % of windows of 3 bars, 7 % of 5, 0.7 % of 10, none of 20. So a few bars convict only if they fit exactly.
_ENOUGH_BARS, _FEWEST_BARS = 20, 3
_EXACT_RATE = 1e-9


def check_lookahead(higher: BarSeries, base: BarSeries) -> None:
    """Raises ``DataLookahead`` where the higher closes fit base closes *after* their assumed end.

    A higher bar is assumed to end at its stamp plus its timeframe. Its close is compared with the base close at
    that instant and at the k-th base bar after it, up to 36 hours (at least one higher bar); a k > 0 whose median
    absolute difference is under half of that at the assumed end tells that the bars are dated too early.
    """
    found = _bars_early(higher, base)
    if found is not None:
        hours = found * base.timeframe.seconds / 3_600
        raise DataLookahead(
            "the bars are known before they have closed", symbol=higher.symbol or None,
            timeframe=higher.timeframe.value,
            found=f"closes that fit {base.timeframe.value} closes {hours:g} h of trading after their assumed end",
            expected="closes that fit at their assumed end",
            hint="import the series again: its dates need --tz or --session-end",
        )  # fmt: skip


def _bars_early(higher: BarSeries, base: BarSeries) -> int | None:
    """The k > 0 that fits best, in base bars, if one fits with under half of the difference at k = 0."""
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
    reach = max(_REACH_NS, higher.timeframe.ns) // base.timeframe.ns
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
