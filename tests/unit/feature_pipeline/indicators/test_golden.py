"""Composed indicators against values computed by hand; the arithmetic is beside each number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.time import Timeframe

HOUR_NS = 3_600 * 10**9


def series(
    open_: list[float], high: list[float], low: list[float], close: list[float], volume: list[float] | None = None,
    timeframe: Timeframe = Timeframe.H1,
) -> BarSeries:  # fmt: skip
    columns = [np.array(column, np.float64) for column in (open_, high, low, close)]
    stamps = np.arange(len(open_), dtype=np.int64) * timeframe.ns
    return BarSeries("X", timeframe, stamps, *columns, None if volume is None else np.array(volume, np.float64))


def flat(n: int, price: float = 10.0, volume: list[float] | None = None) -> BarSeries:
    same = [price] * n
    return series(same, same, same, same, volume)


def test_rvi() -> None:
    # close - open: 1 2 -1 3 0 2        weighted (x + 2x' + 2x'' + x''')/6 from bar 3:
    #   bar 3: 3 + 2(-1) + 2(2) + 1 = 6     bar 4: 0 + 2(3) + 2(-1) + 2 = 6     bar 5: 2 + 0 + 2(3) - 1 = 7
    # high - low: 2 4 2 4 1 3
    #   bar 3: 4 + 2(2) + 2(4) + 2 = 18     bar 4: 1 + 2(4) + 2(2) + 4 = 17     bar 5: 3 + 2(1) + 2(4) + 2 = 15
    # period 2: (6 + 6)/(18 + 17) at bar 4, (6 + 7)/(17 + 15) at bar 5; signal 2: their mean
    body = [1, 2, -1, 3, 0, 2]
    span = [2, 4, 2, 4, 1, 3]
    open_ = [10.0] * 6
    close = [10.0 + x for x in body]
    low = [min(10.0, c) for c in close]
    high = [lo + x for lo, x in zip(low, span, strict=True)]
    found = compute("rvi", {"period": 2, "signal_period": 2}, series(open_, high, low, close))
    assert np.isnan(found["rvi"][:4]).all()
    assert found["rvi"][4:] == pytest.approx([12 / 35, 13 / 32], rel=1e-14)
    assert np.isnan(found["signal"][:5]).all()
    assert found["signal"][5] == pytest.approx((12 / 35 + 13 / 32) / 2, rel=1e-14)


def test_rvi_of_bars_without_range_is_zero() -> None:
    found = compute("rvi", {"period": 3, "signal_period": 2}, flat(12))
    assert found["rvi"][5:].tolist() == [0.0] * 7
    assert found["signal"][6:].tolist() == [0.0] * 6


def test_rvi_after_a_move_forgets_it_entirely() -> None:
    """A running sum would keep a residue of the 0.1s and divide one residue by another."""
    moved = [10.1, 10.2, 10.3] + [10.3] * 12
    bars = series([10.0, 10.1, 10.2] + [10.3] * 12, moved, [10.0, 10.1, 10.2] + [10.3] * 12, moved)
    # The weights reach 3 bars back, the sums 2 more: from bar 2 + 3 + 2 + 1 = 8 on nothing of the move is left.
    assert compute("rvi", {"period": 3, "signal_period": 2}, bars)["rvi"][8:].tolist() == [0.0] * 7


def test_hull_moving_average() -> None:
    # period 4: halves of 2, root 2. Closes 1 2 4 8 16, WMA(2) = (x + 2x')/3, WMA(4) = (x + 2x' + 3x'' + 4x''')/10
    #   bar 3: 2 (4 + 16)/3 - (1 + 4 + 12 + 32)/10 = 40/3 - 4.9 = 253/30
    #   bar 4: 2 (8 + 32)/3 - (2 + 8 + 24 + 64)/10 = 80/3 - 9.8 = 506/30
    # WMA(2) of the two at bar 4: (253/30 + 2 x 506/30)/3 = 1265/90
    price = [1.0, 2.0, 4.0, 8.0, 16.0]
    found = compute("hma", {"period": 4}, series(price, price, price, price))[""]
    assert np.isnan(found[:4]).all()
    assert found[4] == pytest.approx(1265 / 90, rel=1e-14)


def test_fisher_transform() -> None:
    # median price 1 2 4 3 5; window 3:
    #   bar 2: 4 in 1..4: x = 1 -> 0.999     bar 3: 3 in 2..4: x = 0     bar 4: 5 in 3..5: x = 1 -> 0.999
    # y = 0.5 ln(1.999/0.001) = 3.8002, 0, 3.8002
    # EMA(2), a = 2/3, seeded by the mean of the first two: bar 3: y/2; bar 4: y/2 + 2/3 (y - y/2) = 5y/6
    middle = [1.0, 2.0, 4.0, 3.0, 5.0]
    bars = series(middle, [x + 0.5 for x in middle], [x - 0.5 for x in middle], middle)
    found = compute("fishertransform", {"period": 3, "smoothing": 2}, bars)
    y = 0.5 * math.log(1.999 / 0.001)
    assert np.isnan(found["fisher"][:3]).all()
    assert found["fisher"][3:] == pytest.approx([y / 2, 5 * y / 6], rel=1e-12)
    assert np.isnan(found["signal"][:4]).all()
    assert found["signal"][4] == found["fisher"][3]


def test_fisher_transform_between_the_extremes() -> None:
    # window 3 of 1 5 2: x = 2 (2 - 1)/(5 - 1) - 1 = -0.5; y = 0.5 ln(0.5/1.5) = -0.5 ln 3; smoothing 1 keeps it
    middle = [1.0, 5.0, 2.0]
    found = compute("fishertransform", {"period": 3, "smoothing": 1}, series(middle, middle, middle, middle))
    assert found["fisher"][2] == pytest.approx(-0.5 * math.log(3.0), rel=1e-14)


def test_fisher_transform_of_a_flat_window_is_zero() -> None:
    found = compute("fishertransform", {"period": 3, "smoothing": 2}, flat(8))
    assert found["fisher"][3:].tolist() == [0.0] * 5


def test_chaikin_money_flow() -> None:
    # multiplier ((close - low) - (high - close)) / (high - low): 1, 0, -1, 0.5; volume 10 20 30 40
    # period 3: (10 + 0 - 30)/60 = -1/3 at bar 2; (0 - 30 + 20)/90 = -1/9 at bar 3
    bars = series([9.0] * 4, [10.0] * 4, [8.0] * 4, [10.0, 9.0, 8.0, 9.5], [10, 20, 30, 40])
    found = compute("cmf", {"period": 3}, bars)[""]
    assert np.isnan(found[:2]).all()
    assert found[2:] == pytest.approx([-1 / 3, -1 / 9], rel=1e-14)


def test_chaikin_money_flow_without_volume_is_zero_however_odd_the_volumes_before() -> None:
    volume = [0.1, 0.2, 0.3, 0.7, 1.3] + [0.0] * 6
    bars = series([9.0] * 11, [10.0] * 11, [8.0] * 11, [9.7] * 11, volume)
    assert compute("cmf", {"period": 3}, bars)[""][7:].tolist() == [0.0] * 4


def test_volume_ratio() -> None:
    # volume 2 4 6 0: 6 / mean(2, 4, 6) = 1.5; 0 / mean(4, 6, 0) = 0
    found = compute("volumeratio", {"period": 3}, flat(4, volume=[2, 4, 6, 0]))[""]
    assert np.isnan(found[:2]).all()
    assert found[2:] == pytest.approx([1.5, 0.0], rel=1e-15)


def test_volume_ratio_of_a_window_without_volume_is_one() -> None:
    found = compute("volumeratio", {"period": 3}, flat(9, volume=[0.1, 0.2, 0.7, 0, 0, 0, 0, 0, 0]))[""]
    assert found[5:].tolist() == [1.0] * 4


def test_vwap_of_a_window() -> None:
    # typical price 10, 20, 30 with volume 1, 3, 6: (10 + 60)/4 = 17.5, (60 + 180)/9 = 80/3
    price = [10.0, 20.0, 30.0]
    found = compute("vwap", {"period": 2}, series(price, price, price, price, [1, 3, 6]))[""]
    assert found[1:] == pytest.approx([17.5, 80 / 3], rel=1e-15)


def test_vwap_of_a_window_without_volume_is_the_typical_price() -> None:
    high = [12.0] * 6
    low = [9.0] * 6
    close = [12.0] * 6
    found = compute("vwap", {"period": 2}, series([10.0] * 6, high, low, close, [0.1, 0.7, 0, 0, 0, 0]))[""]
    assert found[3:].tolist() == [11.0] * 3  # (12 + 9 + 12) / 3


def test_vwap_since_midnight_begins_again_each_day() -> None:
    # 12 h apart would be no timeframe; 4h bars: six a day, prices 1..12, volume 1: day two restarts at 7
    price = [float(x) for x in range(1, 13)]
    bars = series(price, price, price, price, [1.0] * 12, Timeframe.H4)
    found = compute("vwap", {"period": 0}, bars)[""]
    assert np.isnan(found[:5]).all()
    assert found[5:].tolist() == [3.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5]


def test_squeeze_intensity() -> None:
    # close alternates 10, 12 inside bars 9..13: mean 11, sd 1: bands 11 -+ 2 x 1 = 9 and 13
    # true range 4 always, so ATR 4; EMA(2) after many bars alternates around 11: a = 2/3, e' = e + 2/3 (c - e)
    #   limit: high point e = 11.5 after a 12, low point 10.5 after a 10
    # channel e -+ 4: after a 12: 15.5 and 7.5, w = 8: min((15.5 - 13)/8, (9 - 7.5)/8) = 0.1875; after a 10 the same
    close = [10.0, 12.0] * 40
    bars = series([11.0] * 80, [13.0] * 80, [9.0] * 80, close)
    params = {"bb_period": 2, "bb_multiplier": 2.0, "kc_period": 2, "kc_multiplier": 1.0}
    found = compute("squeezeintensity", params, bars)[""]
    assert np.isnan(found[:10]).all()
    assert found[60:] == pytest.approx([0.1875] * 20, rel=1e-9)


def test_squeeze_intensity_is_zero_outside_and_on_flat_bars() -> None:
    wild = series([11.0] * 60, [13.0] * 60, [9.0] * 60, [9.0, 13.0] * 30)
    wide = {"bb_period": 20, "bb_multiplier": 4.0, "kc_multiplier": 0.5}
    assert compute("squeezeintensity", wide, wild)[""][20:].tolist() == [0.0] * 40
    assert compute("squeezeintensity", {}, flat(40))[""][19:].tolist() == [0.0] * 21


def test_keltner_channels() -> None:
    # true range 4, so ATR 4; EMA of a constant 11 is 11: 11 -+ 1.5 x 4
    bars = series([11.0] * 30, [13.0] * 30, [9.0] * 30, [11.0] * 30)
    found = compute("keltnerchannels", {"period": 3, "atr_period": 5, "multiplier": 1.5}, bars)
    assert [found[name][-1] for name in ("upper", "middle", "lower")] == [17.0, 11.0, 5.0]
    assert [int(np.isnan(found[name]).sum()) for name in ("upper", "middle", "lower")] == [5, 2, 5]


def test_band_width_and_distance() -> None:
    # closes 8, 12: mean 10, sd 2: (14 - 6)/10 = 0.8; distance 100 (12 - 10)/10 = 20; EMA(2) seeds with the mean
    bars = series([8.0, 12.0], [8.0, 12.0], [8.0, 12.0], [8.0, 12.0])
    assert compute("bollingerbandwidth", {"period": 2, "multiplier": 2.0}, bars)[""][1] == pytest.approx(0.8)
    for kind in ("SMA", "EMA"):
        assert compute("distancefromma", {"period": 2, "ma_type": kind}, bars)[""][1] == pytest.approx(20.0)
