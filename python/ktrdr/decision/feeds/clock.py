"""The clock on the wall beside a feed that is silent: the next bar is not due yet, late, or missing.

A bar is due at its close. It is late within one bar's length of that, and missing beyond. The clock only reports. A bar
that comes in its order is traded on however late it is, since an order fills at the bar after it; the gate refuses one
that comes out of its order. The clock knows no holidays, so a closed market looks like a silent feed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ktrdr.decision.base import Event
from ktrdr.time import NS_PER_SECOND, Timeframe, iso


class FeedClock:
    """Compares the feed with the wall clock.

    Args:
        symbol: instrument.
        timeframe: length of a bar.
        log: receives one report where the feed falls silent, and one where it speaks again.
        now_ns: the wall clock, ns UTC.

    >>> clock = FeedClock("EURUSD", Timeframe.H1, print, now_ns=lambda: 2 * 3_600 * 10**9 + 5 * 10**9)
    >>> clock.state(0)
    'late by 5 s'
    """

    def __init__(
        self, symbol: str, timeframe: Timeframe, log: Callable[[Event], None], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._log = log
        self._now_ns = now_ns
        self._is_live = False
        self._silent = False

    def took(self, stamp_ns: int) -> None:
        """Notes a bar that the gate has passed."""
        behind_ns = self._now_ns() - (stamp_ns + self._timeframe.ns)
        if self._silent:
            self._note(stamp_ns, "resumed", f"{iso(stamp_ns)} came {_seconds(behind_ns)} after its close")
        self._silent = False
        # History that a feed brings when it starts was closed long ago, and says nothing about its delay.
        self._is_live = self._is_live or behind_ns < self._timeframe.ns

    def look(self, last_ns: int | None) -> None:
        """Reports once where a feed that was live has brought nothing for a bar's length after a bar was due.

        Args:
            last_ns: stamp of the last bar, ns UTC; None before the first.
        """
        if last_ns is None or not self._is_live or self._silent:
            return
        next_ns = last_ns + self._timeframe.ns
        if self._behind_ns(last_ns) >= self._timeframe.ns:
            self._silent = True
            text = f"{iso(next_ns)} has not come: the feed is silent, or the market is closed"
            self._note(next_ns, "silent", text)

    def state(self, last_ns: int | None) -> str | None:
        """Returns a few words about the next bar; None before the first."""
        if last_ns is None:
            return None
        behind_ns = self._behind_ns(last_ns)
        if behind_ns < 0:
            return f"due at {iso(last_ns + 2 * self._timeframe.ns)}"
        if behind_ns < self._timeframe.ns:
            return f"late by {_seconds(behind_ns)}"
        return f"{behind_ns // self._timeframe.ns:,} missing by the clock"

    def _behind_ns(self, last_ns: int) -> int:
        """Returns the time since the next bar's close, below 0 before it."""
        return self._now_ns() - (last_ns + 2 * self._timeframe.ns)

    def _note(self, time_ns: int, kind: str, text: str) -> None:
        self._log(Event(time_ns, self._symbol, kind, text))


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns // NS_PER_SECOND:,} s"
