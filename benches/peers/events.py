"""Programs that call a strategy at every bar: backtesting.py, backtrader, akquant."""

from __future__ import annotations

from typing import Any

from benches.peers.market import CASH, COST, Arrays, Call

UNIT = 2.0**-7
"""The least quantity for akquant: a power of two, since it rounds others and then refuses to sell what it bought."""
RESERVE = 1e-4
"""Part of the cash that akquant keeps: it sizes an order at the close, and refuses one that the open makes too dear."""


def frame_of(given: Arrays, zone: str | None = None) -> Any:
    """Returns the bars as a frame of pandas, with a volume that limits no order."""
    import pandas as pd

    index = pd.DatetimeIndex(given["timestamp"].astype("datetime64[ns]"), tz=zone)
    return pd.DataFrame({name: given[name] for name in ("open", "high", "low", "close")}, index=index).assign(
        volume=1e12
    )


def backtesting_py(given: Arrays) -> Call:
    from backtesting import Strategy
    from backtesting.lib import FractionalBacktest

    frame = frame_of(given).rename(columns=str.capitalize)
    entries = given["entries"]
    exits = given["exits"]

    class Signals(Strategy):  # type: ignore[misc]
        def init(self) -> None: ...

        def next(self) -> None:
            row = len(self.data) - 1
            if entries[row] and not self.position:
                self.buy()
            elif exits[row] and self.position:
                self.position.close()

    def call() -> tuple[float, int]:
        # It takes the spread once, at entry.
        found = FractionalBacktest(frame, Signals, cash=CASH, commission=COST, spread=2 * COST).run()
        return float(found["Equity Final [$]"]), 2 * len(found["_trades"])

    return call


def backtrader(given: Arrays) -> Call:
    import backtrader as bt

    frame = frame_of(given)
    entries = given["entries"].tolist()
    exits = given["exits"].tolist()

    class Signals(bt.Strategy):  # type: ignore[misc]
        def next_open(self) -> None:
            row = len(self.data) - 2
            if row < 0:
                return
            if not self.position and entries[row]:
                price = self.data.open[0] * (1 + COST) * (1 + COST)
                # A little less: cash that rounds to below zero refuses the order.
                self.buy(size=self.broker.get_cash() / price * (1 - 1e-13))
            elif self.position and exits[row]:
                self.close()

    def call() -> tuple[float, int]:
        cerebro = bt.Cerebro(cheat_on_open=True, stdstats=False)
        cerebro.broker.set_cash(CASH)
        cerebro.broker.setcommission(commission=COST)
        # The price may leave the bar's range, as in the other programs.
        cerebro.broker.set_slippage_perc(COST, slip_out=True)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Signals)
        for analyzer in (bt.analyzers.TradeAnalyzer, bt.analyzers.DrawDown, bt.analyzers.Transactions):
            cerebro.addanalyzer(analyzer, _name=analyzer.__name__)
        (run,) = cerebro.run()
        assert run.analyzers.TradeAnalyzer.get_analysis() and run.analyzers.DrawDown.get_analysis()
        fills = run.analyzers.Transactions.get_analysis()
        return float(cerebro.broker.get_value()), sum(map(len, fills.values()))

    return call


def akquant(given: Arrays) -> Call:
    import akquant as aq

    frame = frame_of(given, zone="UTC")
    entries = given["entries"].tolist()
    exits = given["exits"].tolist()

    class AllIn(aq.Sizer):  # type: ignore[misc]
        def get_size(self, price: float, cash: float, context: object, symbol: str) -> float:
            return cash / (price * (1 + RESERVE)) // UNIT * UNIT

    class Signals(aq.Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            self.row = -1
            self.set_sizer(AllIn())

        def on_bar(self, bar: object) -> None:
            self.row += 1
            if entries[self.row] and not self.get_position():
                self.buy()
            elif exits[self.row] and self.get_position():
                self.close_position()

    aq.register_logger(console=False, level="ERROR")
    # Else what was bought may be sold on the next day at the earliest.
    shares = aq.Instrument("ONE", aq.AssetType.Stock, lot_size=UNIT, tick_size=1e-9, sellable_after_days=0)
    options: Any = {
        "initial_cash": CASH,
        "commission_rate": COST,
        "slippage": {"type": "percent", "value": COST},
        "fill_policy": aq.NextOpen(),
        "instruments": [shares],
        "risk_config": {"safety_margin": 0.0},
        "show_progress": False,
        "timezone": "UTC",
    }

    def call() -> tuple[float, int]:
        found = aq.run_backtest(data=frame, strategy=Signals(), symbols="ONE", **options)
        assert found.metrics.max_drawdown_pct >= 0 and len(found.trades) >= 0
        return float(found.equity_curve.iloc[-1]), len(found.executions_df)

    return call
