"""The gate between a feed and a strategy: only a sound bar that follows the last one passes, the rest is reported.

* A bar that breaks a rule of bars is refused; the next one after it shows a gap.
* A bar that its feed calls unfinished, or whose close lies in the future by this machine's clock, is refused.
* A bar that is known already is passed over; one with other values is refused as revised.
* A bar that begins before the last one has ended overlaps it and is refused; three in a row end the run.
* A bar beyond the next one is taken, and the bars between are reported as missing. One of those that comes afterwards
  is late: it is reported, and never traded on.
* A bar off the grid of the last one is kept back. The next one confirms it by following it exactly, as after a change
  of a market's clock; otherwise it is refused.

A feed that sends nothing but rubbish must not fill the log: of many refusals in a row only the first are reported each.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from ktrdr.data.audit import PRICES
from ktrdr.data.bars import BarSeries
from ktrdr.decision.base import Event, Refusal
from ktrdr.decision.feeds.base import OPTIONAL, Line, read_bar
from ktrdr.errors import DataError, DataParse, DataTimeframe
from ktrdr.time import NS_PER_SECOND, Timeframe, iso

_REMEMBERED = 4_096
_MOST_OVERLAPS = 3
_JUDGED_BARS = 10
_MOST_MISSING = 100_000
_EACH_REPORTED = 20
_AHEAD_NS = 5 * NS_PER_SECOND
"""The clocks of two machines differ by less."""
_FINISHED = ("true", "1", "yes")

Values = tuple[float, ...]


class BarGate:
    """Passes the bars of a feed that may be traded on.

    Args:
        symbol: instrument.
        timeframe: length of a bar.
        last_ns: stamp of the last bar that is known, ns UTC; older ones are passed over without a word until the feed
            has brought a newer one.
        log: receives a report on every bar that does not pass as it should.
        now_ns: the wall clock, ns UTC.
    """

    def __init__(
        self,
        symbol: str,
        timeframe: Timeframe,
        last_ns: int | None,
        log: Callable[[Event], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.last_ns = last_ns
        self.counts = {"bars": 0, "refused": 0, "missing": 0, "late": 0}
        self._symbol = symbol
        self._timeframe = timeframe
        self._log = log
        self._now_ns = now_ns
        self._catching_up = last_ns is not None
        self._columns: tuple[str, ...] | None = None
        self._recent: OrderedDict[int, Values] = OrderedDict()
        self._missing: set[int] = set()
        self._kept_back: BarSeries | None = None
        self._overlaps = 0
        self._adjacent = 0
        self._in_a_row = 0

    def admit(self, line: Line) -> list[BarSeries]:
        """Returns the bars that a line lets pass, oldest first: none, one, or two.

        Raises ``DataTimeframe`` where the feed's bars are of another length.
        """
        if line.values is None:
            self._refuse("bad_line", f"{line.where}: {line.fault}")
            return []
        if str(line.values.get("closed", True)).strip().lower() not in _FINISHED:
            self._refuse("unfinished", f"{line.where}: a bar that has not closed")
            return []
        try:
            bar = read_bar(line, self._symbol, self._timeframe)
            self._require_columns(bar, line.where)
        except DataError as error:
            self._refuse("bad_bar", str(error) if line.where in str(error) else f"{line.where}: {error}")
            return []
        if (ahead_ns := int(bar.close_ns[0]) - self._now_ns()) > _AHEAD_NS:
            when = (
                f"{iso(int(bar.timestamp[0]))} closes {ahead_ns // NS_PER_SECOND:,} s from now by this machine's clock"
            )
            self._refuse("unfinished", f"{line.where}: {when}")
            return []
        return self._in_order(bar)

    def _in_order(self, bar: BarSeries) -> list[BarSeries]:
        stamp_ns = int(bar.timestamp[0])
        if self.last_ns is None:
            return [self._pass(bar)]
        if stamp_ns <= self.last_ns:
            self._known(bar, stamp_ns)
            return []
        self._catching_up = False
        ahead_ns = stamp_ns - self.last_ns
        if ahead_ns < self._timeframe.ns:
            self._overlap(stamp_ns)
            return []
        kept = self._kept_back
        self._kept_back = None
        if kept is not None and self._follows(bar, kept):
            self._note("grid", f"the bars have moved to another grid at {iso(int(kept.timestamp[0]))}", kept)
            return [self._pass(kept), self._pass(bar)]
        if kept is not None:
            self._refuse("spacing", f"{iso(int(kept.timestamp[0]))} is off the grid of the bars beside it")
        if ahead_ns % self._timeframe.ns:
            self._kept_back = bar
            return []
        return [self._pass(bar)]

    def _follows(self, bar: BarSeries, kept: BarSeries) -> bool:
        ahead_ns = int(bar.timestamp[0]) - int(kept.timestamp[0])
        return ahead_ns > 0 and ahead_ns % self._timeframe.ns == 0

    def _pass(self, bar: BarSeries) -> BarSeries:
        stamp_ns = int(bar.timestamp[0])
        if self.last_ns is not None:
            self._report_gap(bar, self.last_ns + self._timeframe.ns, stamp_ns)
        self.last_ns = stamp_ns
        self._overlaps = 0
        self._in_a_row = 0
        self.counts["bars"] += 1
        self._recent[stamp_ns] = _values(bar)
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        if self.counts["bars"] == _JUDGED_BARS and self._adjacent == 0:
            raise DataTimeframe(
                "no bar of the feed follows the one before it",
                symbol=self._symbol,
                timeframe=self._timeframe.value,
                found=f"{self.counts['missing']} bars missing between {_JUDGED_BARS}",
                expected=f"bars {self._timeframe.seconds} s apart",
            )
        return bar

    def _report_gap(self, bar: BarSeries, expected_ns: int, stamp_ns: int) -> None:
        missing = (stamp_ns - expected_ns) // self._timeframe.ns
        if missing <= 0:
            self._adjacent += stamp_ns == expected_ns
            return
        self.counts["missing"] += missing
        absent = range(expected_ns, stamp_ns - self._timeframe.ns + 1, self._timeframe.ns)
        room = max(_MOST_MISSING - len(self._missing), 0)
        self._missing.update(absent[max(len(absent) - room, 0) :])
        first = iso(expected_ns)
        text = f"1 bar missing: {first}" if missing == 1 else f"{missing:,} bars missing: {first} to {iso(absent[-1])}"
        self._note("gap", text, bar)

    def _known(self, bar: BarSeries, stamp_ns: int) -> None:
        before = self._recent.get(stamp_ns)
        if before == _values(bar):
            return
        if before is not None:
            self._refuse("revised", f"{iso(stamp_ns)} came again with other values; the first ones were traded on")
        elif stamp_ns in self._missing:
            self._missing.discard(stamp_ns)
            self.counts["late"] += 1
            self.counts["missing"] -= 1
            self._refuse("late", f"{iso(stamp_ns)} came after {iso(self.last_ns or 0)}; it is not traded on")
        elif not self._catching_up:
            self._refuse("older", f"{iso(stamp_ns)} is older than the last bar, {iso(self.last_ns or 0)}")

    def _overlap(self, stamp_ns: int) -> None:
        self._overlaps += 1
        apart_s = (stamp_ns - (self.last_ns or 0)) / 1e9
        self._refuse("spacing", f"{iso(stamp_ns)} begins {apart_s:g} s after the last bar and overlaps it")
        if self._overlaps >= _MOST_OVERLAPS:
            raise DataTimeframe(
                f"{_MOST_OVERLAPS} bars in a row overlap the one before them",
                symbol=self._symbol,
                timeframe=self._timeframe.value,
                found=f"{apart_s:g} s apart",
                expected=f"{self._timeframe.seconds} s",
            )

    def _require_columns(self, bar: BarSeries, where: str) -> None:
        """Raises ``DataParse`` for a bar with other optional columns than the first one."""
        found = tuple(name for name in OPTIONAL if getattr(bar, name) is not None)
        if self._columns is None:
            self._columns = found
        elif found != self._columns:
            expected = ", ".join(self._columns) or "none"
            raise DataParse("the columns beside prices have changed", where=where, found=found, expected=expected)

    def _refuse(self, kind: Refusal, text: str) -> None:
        self.counts["refused"] += 1
        self._in_a_row += 1
        count = self._in_a_row
        if count <= _EACH_REPORTED:
            self._log(Event(self.last_ns or 0, self._symbol, kind, text))
        elif count == 10 ** (len(str(count)) - 1):
            self._log(Event(self.last_ns or 0, self._symbol, kind, f"{count:,} refused in a row; the last: {text}"))

    def _note(self, kind: str, text: str, bar: BarSeries) -> None:
        self._log(Event(int(bar.timestamp[0]), self._symbol, kind, text))


def _values(bar: BarSeries) -> Values:
    columns = (getattr(bar, name) for name in (*PRICES, *OPTIONAL))
    return tuple(float(column[0]) for column in columns if column is not None)
