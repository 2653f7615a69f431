"""Backtests the strategy of the guide in freqtrade 2026.9 without an exchange: prints the equity at the end.

Run by freqtrade's own interpreter: ``python freqtrade_run.py GUIDE_BLOCKS STRATEGY_FOLDER``. The market of the exchange
is given in place of the one that it would download.
"""

import runpy
import sys
from pathlib import Path
from unittest.mock import PropertyMock, patch

import pandas as pd
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting

PAIR = "ACME/USDT"
STEP = 1e-8
LIMITS = {name: {"min": STEP, "max": 1e9} for name in ("amount", "price", "cost", "leverage")}
MARKET = {"id": "ACMEUSDT", "symbol": PAIR, "base": "ACME", "quote": "USDT", "spot": True, "active": True}
MARKET |= {"type": "spot", "precision": {"price": STEP, "amount": STEP}, "limits": LIMITS, "info": {}}
PRICING = {"price_side": "same", "use_order_book": False}
OFFLINE = {
    "reload_markets": lambda *_, **__: None,
    "validate_config": lambda *_, **__: None,
    "validate_timeframes": lambda *_, **__: None,
    "get_fee": lambda *_, **__: 0.001,
    "get_pair_quote_currency": lambda *_, **__: "USDT",
    "get_precision_amount": lambda *_, **__: STEP,
    "get_precision_price": lambda *_, **__: STEP,
    "markets": PropertyMock(return_value={PAIR: MARKET}),
    "timeframes": PropertyMock(return_value=["1d"]),
    "precisionMode": PropertyMock(return_value=4),
    "precision_mode_price": PropertyMock(return_value=4),
}


def settings(folder):
    return {
        "stake_currency": "USDT", "stake_amount": 1_000, "dry_run_wallet": 10_000, "dry_run": True, "timeframe": "1d",
        "max_open_trades": 1, "fee": 0.001, "pairlists": [{"method": "StaticPairList"}], "strategy": "Crossing",
        "exchange": {"name": "binance", "key": "", "secret": "", "pair_whitelist": [PAIR], "pair_blacklist": []},
        "strategy_path": str(folder), "datadir": folder, "user_data_dir": folder, "exportfilename": folder / "result",
        "runmode": RunMode.BACKTEST, "candle_type_def": CandleType.SPOT, "trading_mode": "spot", "margin_mode": "",
        "entry_pricing": PRICING, "exit_pricing": PRICING, "unfilledtimeout": {"entry": 10, "exit": 10},
        "export": "none", "dataformat_ohlcv": "feather", "internals": {}, "original_config": {}, "timerange": None,
        "position_stacking": False, "tradable_balance_ratio": 1.0, "backtest_cache": "none",
        "disableparamexport": True, "process_throttle_secs": 5,
    }  # fmt: skip


def main(blocks, folder):
    bars = runpy.run_path(blocks)["bars"].rename(columns=str.lower)
    # A crypto market has no weekend: the same bars on consecutive days.
    days = pd.date_range("2023-01-01", periods=len(bars), freq="D", tz="UTC")
    candles = bars.reset_index(drop=True).assign(date=days, volume=1_000.0)
    for name, replacement in OFFLINE.items():
        patch.object(Exchange, name, replacement).start()
    run = Backtesting(settings(Path(folder)))
    run._set_strategy(run.strategylist[0])
    prepared = run.strategy.advise_all_indicators({PAIR: candles})
    found = run.backtest(processed=prepared, start_date=days[0].to_pydatetime(), end_date=days[-1].to_pydatetime())
    print("equity", round(found["final_balance"], 6))


if __name__ == "__main__":
    main(*sys.argv[1:])
