"""The core and the reference agree on real bars too: gaps, weekends, ticks and sessions that no walk has."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from reference.money import Bars, FillPriceError
from support.runs.agreement import differences
from support.runs.core import BareRun, run_door
from support.runs.random_cases import draw_case_over

ROWS = 1_500
SERIES = {
    "6EH4_1m": 60, "AAPL_1d": 86_400, "BTCPERP_1m": 60, "BTCUSDT_1h": 3_600, "BTCUSDT_5m": 300, "EURUSD_15m": 900,
    "EURUSD_1h": 3_600, "EURUSD_5m": 300, "SPY_1h": 3_600, "USDJPY-BID_1m": 60,
    "XAUUSD-BID_1h": 3_600, "YHOO_1d": 86_400,
}  # fmt: skip


def bars_of(path: Path, seed: int) -> Bars:
    """A stretch of the series with a range for ATR and a rate of conversion; where it begins depends on the seed."""
    frame = pl.read_parquet(path)
    frame = frame[(seed * 7_919) % max(1, len(frame) - ROWS) :][:ROWS]
    columns = [frame[name].to_list() for name in ("open", "high", "low", "close")]
    highs, lows, closes = columns[1:]
    atr = [high - low or close * 1e-4 for high, low, close in zip(highs, lows, closes, strict=True)]
    conversion = [1 / close for close in closes] if path.stem.startswith("USD") else None
    return Bars(frame["timestamp"].dt.timestamp("ns").to_list(), *columns, None, atr, conversion)


@pytest.mark.real_data
@pytest.mark.parametrize("name", SERIES)
def test_core_and_reference_agree(real_data: Path, name: str) -> None:
    traded = 0
    for seed in range(6):
        case = draw_case_over(seed, bars_of(real_data / f"{name}.parquet", seed), SERIES[name])
        try:
            expected = case.outcome()
        except FillPriceError:
            continue
        traded += len(expected.trades)
        for door in (BareRun(case.rules).run, run_door):
            problems = differences(case, expected, door(case))
            assert not problems, f"seed {seed}: " + "\n".join(problems[:20])
    assert traded >= 20
