"""nautilus_trader, in an environment of its own: it asks for an older pandas than the others."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from benches.peers.market import CASH, COST, FIVE_MINUTES_NS, Arrays, Call

VENUE = Venue("SIM")
NAME = InstrumentId(Symbol("ONE"), VENUE)
DIGITS = 9
SIZE_DIGITS = 8
FEE = Decimal(str(COST))
TICK = Price(10**-DIGITS, DIGITS)
LOT = Quantity(10**-SIZE_DIGITS, SIZE_DIGITS)
PAIR = CurrencyPair(NAME, NAME.symbol, BTC, USDT, DIGITS, SIZE_DIGITS, TICK, LOT, 0, 0, maker_fee=FEE, taker_fee=FEE)
BARS = BarType.from_str(f"{NAME}-5-MINUTE-LAST-EXTERNAL")
VOLUME = 1e9
"""More than any order takes."""


def quotes_of(given: Arrays) -> list[QuoteTick]:
    """Returns the opens as quotes, with the slippage on both sides.

    A bar arrives at its end, and an order that follows it fills at its close: only a quote trades at an open.
    """
    size = Quantity(VOLUME, SIZE_DIGITS)
    return [
        QuoteTick(NAME, Price(price * (1 - COST), DIGITS), Price(price * (1 + COST), DIGITS), size, size, stamp, stamp)
        for price, stamp in zip(given["open"].tolist(), given["timestamp"].tolist(), strict=True)
    ]


def bars_of(given: Arrays) -> list[Bar]:
    """Returns the bars, each with the last nanosecond of its five minutes."""
    ends = given["timestamp"].astype(np.uint64) + np.uint64(FIVE_MINUTES_NS - 1)
    prices = (given[name] for name in ("open", "high", "low", "close"))
    return Bar.from_raw_arrays_to_list(BARS, DIGITS, SIZE_DIGITS, *prices, np.full(len(ends), VOLUME), ends, ends)


class Signals(Strategy):  # type: ignore[misc]
    """Trades at the open that follows a signal."""

    def __init__(self, given: Arrays) -> None:
        super().__init__()
        self.entries = given["entries"].tolist()
        self.exits = given["exits"].tolist()
        self.row = -1

    def on_start(self) -> None:
        self.subscribe_quote_ticks(NAME)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        self.row += 1

    def on_quote_tick(self, quote: QuoteTick) -> None:
        if self.row < 0:
            return
        flat = self.portfolio.is_flat(NAME)
        if flat and self.entries[self.row]:
            cash = float(self.portfolio.account(VENUE).balance_free(USDT))
            lots = math.floor(cash / (float(quote.ask_price) * (1 + COST)) * 10**SIZE_DIGITS)
            size = Quantity(lots / 10**SIZE_DIGITS, SIZE_DIGITS)
            self.submit_order(self.order_factory.market(NAME, OrderSide.BUY, size))
        elif not flat and self.exits[self.row]:
            self.close_all_positions(NAME)


def nautilus(given: Arrays) -> Call:
    quotes = quotes_of(given)
    bars = bars_of(given)

    def call() -> tuple[float, int]:
        engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
        engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, [Money(CASH, USDT)], bar_execution=False)
        engine.add_instrument(PAIR)
        engine.add_data(quotes, sort=False)
        engine.add_data(bars)
        engine.add_strategy(Signals(given))
        engine.run()
        assert engine.get_result().stats_returns and engine.cache.position_snapshots() is not None
        fills = sum(order.filled_qty > 0 for order in engine.cache.orders())
        held = sum(float(position.quantity) for position in engine.cache.positions_open())
        equity = float(engine.portfolio.account(VENUE).balance_total(USDT)) + held * float(given["close"][-1])
        engine.dispose()
        return equity, fills

    return call
