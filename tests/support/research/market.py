"""A market without bars: series, extents and figures as a test names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ktrdr.research.designer.market import Figures, Series
from ktrdr.time import NS_PER_DAY, Timeframe

DAYS = 900
SYMBOLS = ("AAPL", "BTCUSDT", "EURUSD", "SPY", "XAUUSD-BID")
FRAMES = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "12h", "1d", "1w")


class FakeMarket:
    """Series of 900 days for each symbol and timeframe; a bar's volatility grows with the root of its length.

    Args:
        symbols: timeframes by symbol.
        without_volume: symbols whose bars have none.
        made: timeframes that a run makes of 1m bars.
        days: days of each series.
    """

    def __init__(
        self,
        symbols: Mapping[str, Sequence[str]] | None = None,
        *,
        without_volume: Sequence[str] = (),
        made: Sequence[str] = (),
        days: int = DAYS,
    ) -> None:
        self._symbols = dict.fromkeys(SYMBOLS, FRAMES) if symbols is None else symbols
        self._without_volume = without_volume
        self._made = made
        self._days = days

    def series(self) -> Sequence[Series]:
        """Returns every series by symbol, then by timeframe."""
        return [
            Series(
                symbol,
                Timeframe(name),
                self._days * 86_400 // Timeframe(name).seconds,
                0,
                self._days * NS_PER_DAY - Timeframe(name).ns,
                Timeframe.M1 if name in self._made else None,
            )
            for symbol, names in self._symbols.items()
            for name in names
        ]

    def figures(self, symbol: str, timeframe: Timeframe) -> Figures:
        """Returns a volatility of 0.1 % an hour."""
        volatility = 0.001 * (timeframe.seconds / 3_600) ** 0.5
        return Figures(volatility, volatility, symbol not in self._without_volume)
