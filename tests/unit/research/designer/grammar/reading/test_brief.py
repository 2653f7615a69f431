"""Briefs as people write them: all that is read out of them, what is noted, and what is refused by its part."""

from __future__ import annotations

import contextlib
import time

import pytest

from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.grammar.reading.brief import Reading, read_brief
from ktrdr.strategy.catalog.indicators import INDICATORS

SYMBOLS = ["AAPL", "BTCPERP", "BTCUSDT", "EURUSD", "EURUSD-BID", "GOOG", "SPY", "XAUUSD-BID"]


def read(brief: str) -> Reading:
    return read_brief(brief, SYMBOLS)


def types(brief: str) -> list[str]:
    return [wanted.type for wanted in read(brief).indicators]


def refusals(brief: str) -> list[str]:
    with pytest.raises(BriefInvalid) as caught:
        read(brief)
    return list(caught.value.parts or ())


@pytest.mark.parametrize("type_", INDICATORS)
def test_every_indicator_is_read_by_its_own_names(type_: str) -> None:
    known = INDICATORS[type_]
    for name in (known.type, known.title, known.title.upper(), *known.aliases):
        assert types(f"Use the {name} indicator on EURUSD 1h") == [type_], name
        assert types(f"A strategy with {name} and roc") == list(dict.fromkeys([type_, "roc"])), name


@pytest.mark.parametrize(
    ("brief", "expected"),
    [
        ("relative strength index and BB", ["rsi", "bollingerbands"]),
        ("moving average crossover", ["sma"]),
        ("MACD histogram, stoch & donchian", ["macd", "stochastic", "donchianchannels"]),
        ("Bollinger band width plus bollinger bands", ["bollingerbandwidth", "bollingerbands"]),
        ("williams %R + williams percent range", ["williamsr"]),
        ("on-balance volume/VWAP", ["obv", "vwap"]),
        ("RSI-based with ADX>25", ["rsi", "adx"]),
        ("TTM squeeze; kijun; Hull MA", ["squeezeintensity", "ichimoku", "hma"]),
        ("with momentum, RSI and ROC", ["momentum", "rsi", "roc"]),
        ("momentum 10 on 1h", ["momentum"]),
        ("a momentum strategy on 1h", []),
        ("volume confirmation with plus DI", ["volumeratio", "adx"]),
    ],
)
def test_indicators_by_the_names_people_use(brief: str, expected: list[str]) -> None:
    assert types(brief) == expected


@pytest.mark.parametrize(
    ("brief", "params"),
    [
        ("RSI 7", [{"period": 7}]),
        ("RSI(14, hlc3)", [{"period": 14, "source": "hlc3"}]),
        ("14-period RSI", [{"period": 14}]),
        ("RSI with a period of 9", [{"period": 9}]),
        ("RSI 7 and RSI 21", [{"period": 7}, {"period": 21}]),
        ("20-period SMA", [{"period": 20}]),
        ("the 200-day moving average", [{"period": 200}]),
        ("50/200 EMA crossover", [{"period": 50}, {"period": 200}]),
        ("EMA 20 and 50", [{"period": 20}, {"period": 50}]),
        ("Bollinger Bands (20, 2.5)", [{"period": 20, "multiplier": 2.5}]),
        ("bollinger bands with 2 standard deviations", [{"multiplier": 2}]),
        ("bbands(period=30, std=1.5)", [{"period": 30, "multiplier": 1.5}]),
        ("MACD 12/26/9", [{"fast_period": 12, "slow_period": 26, "signal_period": 9}]),
        ("stochastic 14,3,3", [{"k_period": 14, "smooth_k": 3, "d_period": 3}]),
        ("keltner channels (20, 1.5)", [{"period": 20, "multiplier": 1.5}]),
        ("supertrend 10 3", [{"period": 10, "multiplier": 3}]),
        ("parabolic SAR (0.02, 0.2)", [{"initial_af": 0.02, "step_af": 0.02, "max_af": 0.2}]),
        ("RSI on 5 minute bars", [{}]),
        ("RSI 30/70", [{}]),
    ],
)
def test_numbers_of_an_indicator(brief: str, params: list[dict[str, object]]) -> None:
    assert [dict(wanted.params) for wanted in read(brief).indicators] == params


@pytest.mark.parametrize(
    ("brief", "levels"),
    [
        ("RSI below 30 and above 70", (30, 70)),
        ("RSI(7) under 25", (25, None)),
        ("buys when RSI crosses above 30 and sells when it crosses below 70", (30, 70)),
        ("RSI 20/80", (20, 80)),
        ("RSI oversold at 25, overbought at 75", (25, 75)),
        ("CCI < -150", None),
        ("ADX > 25", (None, 25)),
    ],
)
def test_marks_of_an_oscillator(brief: str, levels: tuple[float | None, float | None] | None) -> None:
    (wanted,) = read(brief).indicators
    assert (wanted.low, wanted.high) == (levels or (-150, None))


@pytest.mark.parametrize(
    ("brief", "frames"),
    [
        ("1h and 5m", ["1h", "5m"]),
        ("hourly with daily", ["1h", "1d"]),
        ("M5/H1/D1/W1", ["5m", "1h", "1d", "1w"]),
        ("5, 15 and 60 minute bars", ["5m", "15m", "1h"]),
        ("4-hour and thirty minute candles", ["4h", "30m"]),
        ("five-minute, four hour, half-hourly", ["5m", "4h", "30m"]),
        ("240 min and 24h", ["4h", "1d"]),
        ("RSI 14 and 5 minute bars", ["5m"]),
        ("from the last 2 years, held at most 3 days, on 1h", ["1h"]),
        ("on the 1 hour chart within 3 days", ["1h"]),
        ("hourley and dayly bars", ["1h", "1d"]),
    ],
)
def test_timeframes(brief: str, frames: list[str]) -> None:
    assert [frame.value for frame in read(brief).timeframes] == frames


@pytest.mark.parametrize(
    ("brief", "base"),
    [
        ("RSI, signals on 1h, confirmed on 4h", "1h"),
        ("signals on 4h with 5m RSI", "4h"),
        ("1h entries, daily filter", "1h"),
        ("entry timing on 15m; context 4h", "15m"),
        ("base timeframe: 1h and also 5m", "1h"),
        ("RSI on 1h and 5m", None),
    ],
)
def test_the_timeframe_of_signals(brief: str, base: str | None) -> None:
    found = read(brief).base
    assert (found and found.value) == base


@pytest.mark.parametrize(
    ("brief", "bound"),
    [
        ("RSI on 1h and MACD on 4h", {"rsi": ["1h"], "macd": ["4h"]}),
        ("4h EMA with 15m RSI", {"ema": ["4h"], "rsi": ["15m"]}),
        ("1h: RSI, MACD; 5m: ADX", {"rsi": ["1h"], "macd": ["1h"], "adx": ["5m"]}),
        ("RSI and Bollinger Bands on 1h and 5m", {"rsi": ["1h", "5m"], "bollingerbands": ["1h", "5m"]}),
        ("RSI, trading 1h and 4h", {"rsi": []}),
    ],
)
def test_indicators_bound_to_timeframes(brief: str, bound: dict[str, list[str]]) -> None:
    assert {one.type: [frame.value for frame in one.timeframes] for one in read(brief).indicators} == bound


@pytest.mark.parametrize(
    ("brief", "symbol"),
    [
        ("EURUSD", "EURUSD"),
        ("eurusd", "EURUSD"),
        ("EUR/USD", "EURUSD"),
        ("euro dollar", "EURUSD"),
        ("the euro against the dollar", "EURUSD"),
        ("EURUSD-BID on 1h", "EURUSD-BID"),
        ("bitcoin", "BTCUSDT"),
        ("BTC-USDT", "BTCUSDT"),
        ("gold", "XAUUSD-BID"),
        ("apple shares", "AAPL"),
        ("the S&P 500", "SPY"),
        ("EURUSD_5m", "EURUSD"),
    ],
)
def test_symbols(brief: str, symbol: str) -> None:
    assert [words.symbol for words in read(f"RSI for {brief}").symbols] == [symbol]


@pytest.mark.parametrize(
    ("brief", "rule", "value", "unit"),
    [
        ("stop loss 2%", "stop_loss", 0.02, "rate"),
        ("a 1.5 ATR stop", "stop_loss", 1.5, "atr"),
        ("SL at 20 bps", "stop_loss", 0.002, "rate"),
        ("take profit of 3 ATR", "take_profit", 3, "atr"),
        ("2x ATR trailing stop", "trailing_stop", 2, "atr"),
        ("max holding 24 bars", "max_holding", 24, "bars"),
        ("don't hold longer than 2 hours", "max_holding", 7_200, "seconds"),
        ("exit after 3 days", "max_holding", 3 * 86_400, "seconds"),
        ("commission 0.1%", "commission", 0.001, "rate"),
        ("max leverage 3", "leverage", 3, ""),
        ("2% position size", "position", 0.02, "rate"),
        ("10% of equity per trade", "position", 0.1, "rate"),
        ("zigzag labels 0.5%", "zigzag_threshold", 0.005, "rate"),
        ("confidence above 60%", "confidence", 0.6, "rate"),
        ("20 epochs", "epochs", 20, ""),
        ("with a stop loss", "stop_loss", None, ""),
        ("long only", "long_only", None, ""),
        ("no short selling", "long_only", None, ""),
        ("never go short", "long_only", None, ""),
    ],
)
def test_rules(brief: str, rule: str, value: float | None, unit: str) -> None:
    found = read(f"RSI on 1h, {brief}").rules
    assert set(found) == {rule}
    assert (found[rule].value, found[rule].unit) == (value if value is None else pytest.approx(value), unit)


def test_a_stop_and_a_target_keep_their_numbers() -> None:
    rules = read("stop loss 2% and take profit 3 ATR, max holding 24 bars").rules
    assert {name: rule.value for name, rule in rules.items()} == {
        "stop_loss": 0.02,
        "take_profit": 3,
        "max_holding": 24,
    }


@pytest.mark.parametrize(
    ("brief", "styles"),
    [
        ("trend following", ["trend"]),
        ("a mean-reverting strategy", ["reversion"]),
        ("breakouts with momentum trading", ["breakout", "momentum"]),
        ("scalp the euro", ["scalping"]),
        ("swing trading", ["swing"]),
    ],
)
def test_styles(brief: str, styles: list[str]) -> None:
    assert list(read(brief).styles) == styles


def test_negations() -> None:
    reading = read("MACD on 1h without RSI, stoch or ADX, not on 5m, no stop loss, not breakout")
    assert [one.type for one in reading.indicators] == ["macd"]
    assert reading.no_indicators == {"rsi", "stochastic", "adx"}
    assert [frame.value for frame in reading.no_timeframes] == ["5m"]
    assert (reading.no_rules, reading.no_styles) == ({"stop_loss"}, {"breakout"})


@pytest.mark.parametrize(
    "brief",
    [
        "not only RSI but also MACD",
        "no noise: RSI with MACD",
        "RSI and MACD with no more than 3 trades",
        "avoid overfitting with RSI, MACD",
    ],
)
def test_a_negation_ends_where_it_should(brief: str) -> None:
    assert set(types(brief)) == {"rsi", "macd"}


@pytest.mark.parametrize(
    ("brief", "type_", "note"),
    [
        ("bolinger bands", "bollingerbands", '"bolinger" was read as "bollinger".'),
        ("stochastik", "stochastic", '"stochastik" was read as "stochastic".'),
        ("donchain channels", "donchianchannels", '"donchain" was read as "donchian".'),
        ("relativ strenght index", "rsi", '"relativ" was read as "relative".'),
    ],
)
def test_a_misspelling_is_read_and_noted(brief: str, type_: str, note: str) -> None:
    reading = read(brief)
    assert [one.type for one in reading.indicators] == [type_]
    assert note in reading.notes


@pytest.mark.parametrize("brief", ["blah blah blah", "make frobnication happen"])
def test_a_brief_without_an_understood_word_is_refused(brief: str) -> None:
    with pytest.raises(BriefInvalid, match=r"brief: no word is understood: found .* say what to trade"):
        read(brief)


def test_a_brief_of_plain_words_leaves_everything_open() -> None:
    assert read("Design a good strategy").idle == ()


def test_volume_alone_is_an_indicator() -> None:
    assert [one.type for one in read("bollinger bands and volume on 5m").indicators] == [
        "bollingerbands",
        "volumeratio",
    ]


def test_words_without_effect_are_named() -> None:
    notes = " ".join(read("a quantum strategy: RSI on 1h of mars, since 2020").notes)
    assert 'The style "quantum" is not known' in notes
    assert '"mars"' in notes and '"2020"' in notes


@pytest.mark.parametrize(
    ("brief", "part"),
    [
        ("ichimoku-clouds-of-mars", "indicator ichimoku-clouds-of-mars: unknown; did you mean ichimoku?"),
        ("using zorblax and RSI", "indicator zorblax: unknown"),
        ("RSI and zorblax on 1h", "indicator zorblax: unknown"),
        ("the flux indicator", "indicator flux: unknown"),
        ("TRIX on 1h", "indicator TRIX: unknown"),
        ("a zigzag indicator", "indicator zigzag: no indicator; it changes its past"),
        ("7m bars", "timeframe 7m: unknown"),
        ("RSI on the 3h chart", "timeframe 3h: unknown"),
        ("monthly bars", "timeframe monthly: unknown; a month has no fixed length: use 1w or 1d"),
        ("RSI for XYZ", "symbol XYZ: no bars"),
        ("RSI for EURUDS", "symbol EURUDS: no bars; did you mean EURUSD"),
        ("GBP/USD", "symbol GBP/USD: no bars"),
        ("pound against the dollar", "symbol pound against the dollar: no bars"),
        ("RSI for tesla", "symbol tesla: no bars"),
        ("RSI for zorkmid", "symbol zorkmid: no bars"),
        ("a transformer with RSI", "model transformer: unknown: expected mlp, lstm or gru"),
        ("RSI without RSI", "indicator rsi: asked for and excluded"),
        ("1h but not on 1h", "timeframe 1h: asked for and excluded"),
        ("long only, long and short", "long only: contradicts both ways"),
        ("short only", "short only: no rule of a strategy refuses long positions"),
        ("single timeframe on 1h and 5m", "single timeframe: contradicts the timeframes named"),
        ("signals on 1h, entries on 5m", "timeframe: two timeframes that signals are made on"),
        ("LSTM and GRU", "model: a strategy has one net"),
        ("stop loss 2%, stop loss 3%", "stop loss: given twice"),
        ("stop loss 20 pips", "stop loss 20 pips: a distance is a percentage"),
        ("RSI and KDJ on EURUSD 1h", "indicator KDJ: unknown; `ktrdr indicators` lists all"),
        ("use KDJ on EURUSD 1h", "indicator KDJ: unknown"),
        ("EURUSD 1h with HULLX", "indicator HULLX: unknown; did you mean hma?"),
        ("RSI on EURUSD and QQX", "symbol QQX: no bars"),
        ("STOCHRSI on EURUSD", "indicator STOCHRSI: unknown; did you mean stochastic, rsi?"),
        ("RSI divergence", "indicator divergence: unknown"),
        ("no trades on Friday, RSI", "no trades on friday: no rule of a strategy knows days of the week"),
        ("RSI, trade only Mondays and Tuesdays", "only mondays and tuesdays: no rule of a strategy knows days"),
        ("RSI, do not hold over the weekend", "do not hold over the weekend: no rule of a strategy knows days"),
        ("RSI during the London session", "the london session: no rule of a strategy knows the time"),
        ("RSI, close all trades at 17:00 UTC", "at 17:00 utc: no rule of a strategy knows the time of day"),
        ("RSI between 9 am and 5 pm", "between 9 am and 5 pm: no rule of a strategy knows the time of day"),
        ("RSI, no overnight positions", "no overnight positions: no rule of a strategy knows the time of day"),
        ("RSI, flat by the end of the day", "flat by the end of the day: no rule of a strategy knows the time"),
        ("RSI, no more than 3 open positions", "no more than 3 open positions: a strategy holds one position"),
        ("RSI with pyramiding up to 3", "pyramiding up to 3: a position is opened once"),
        ("martingale RSI", "martingale: a position is opened once"),
        ("RSI, take partial profits at 1 ATR", "take partial profits at 1 atr: a position closes as a whole"),
        ("RSI, move stop to breakeven", "move stop to breakeven: no rule moves a stop"),
        ("RSI, max drawdown of 10%", "max drawdown of 10%: no rule of a strategy watches the account's loss"),
        ("RSI, avoid trading around news", "avoid trading around news: no calendar of news is stored"),
        ("RSI, spread 1 pip", "spread 1 pip: a spread comes with the bars"),
        ("RSI, risk/reward 1:2", "risk/reward 1:2: no rule sets a target by the distance of the stop"),
        ("RSI, stop below the last swing low", "stop below the last swing low: a stop is a percentage of the price"),
        ("RSI, volatility target 10%, position size 20%", "volatility target: contradicts position"),
        ("RSI, 0 trades a day", "0 trades a day: a strategy without trades has no result"),
        ("pairs trading with RSI", "pairs trading: a strategy trades each symbol by itself"),
        ("risk 1% per trade", "risk 1%: no sizing depends on the distance of a stop"),
        ("RSI 20000", "indicator rsi 20000: period: out of range: found 20000"),
        ("RSI 1", "indicator rsi 1: period: out of range: found 1"),
        ("RSI 7.5", "indicator rsi 7.5: period: out of range"),
        ("MACD(50,20)", "indicator macd(50,20): fast_period must be below slow_period"),
        ("MACD 1,2,3,4", "indicator macd 1,2,3,4: too many numbers"),
        ("OBV 14", "indicator obv 14: too many numbers"),
        ("RSI above 170", "rsi above 170: rsi lies between 0 and 100: found 170"),
    ],
)
def test_a_part_that_cannot_be_met_is_named(brief: str, part: str) -> None:
    assert any(line.startswith(part) for line in refusals(brief)), refusals(brief)


@pytest.mark.parametrize(
    ("words", "hours"),
    [
        ("at most 5 trades a week", 168 / 5),
        ("one trade per day", 24),
        ("max 2 entries per hour", 0.5),
        ("at least 2 hours between trades", 2),
        ("trades 30 minutes apart", 0.5),
        ("wait 3 hours after a loss", 3),
        ("cooldown of 6 hours", 6),
        ("2 day cool-down", 48),
    ],
)
def test_time_between_trades(words: str, hours: float) -> None:
    rule = read(f"RSI on EURUSD 5m, {words}").rules["separation"]
    assert (rule.value, rule.unit) == (hours * 3_600, "seconds")
    assert [frame.value for frame in read(f"RSI on EURUSD 5m, {words}").timeframes] == ["5m"]


def test_time_between_trades_in_bars() -> None:
    rule = read("RSI on 1h, cooldown 4 bars").rules["separation"]
    assert (rule.value, rule.unit) == (4, "bars")


@pytest.mark.parametrize("words", ["no hedging", "without pyramiding", "one position at a time", "no martingale"])
def test_what_is_so_anyway_is_no_fault(words: str) -> None:
    assert read(f"RSI on EURUSD 1h, {words}").idle == ()


def test_a_level_is_said_to_be_no_rule() -> None:
    idle = read("RSI mean reversion on EURUSD 1h, only when ADX above 25").idle
    assert idle == ('"adx above 25" is an edge of a fuzzy set: the net weighs it, and no rule enforces it.',)
    assert read("RSI below thirty on 1h").indicators[0].low == 30
    wanted = read("CCI(20) below -120 oversold, above 110 overbought on 1h").indicators[0]
    assert (wanted.low, wanted.high) == (-120, 110)


def test_an_average_of_days_means_daily_bars() -> None:
    assert [frame.value for frame in read("buy above the 200-day moving average of EURUSD").timeframes] == ["1d"]
    reading = read("50 day SMA on EURUSD 1h")
    assert [frame.value for frame in reading.timeframes] == ["1h"]
    assert reading.idle == ('"50 day sma" counts bars of 1h, not days.',)


@pytest.mark.parametrize(("words", "leverage"), [("leverage 1:30", 30), ("1:20 leverage", 20), ("leverage of 5x", 5)])
def test_leverage(words: str, leverage: float) -> None:
    assert read(f"RSI on EURUSD 1h, {words}").rules["leverage"].value == leverage


def test_a_multiple_of_atr_is_no_period() -> None:
    reading = read("Donchian 20 on 1d, 2 ATR stop, 3 ATR target")
    assert [wanted.type for wanted in reading.indicators] == ["donchianchannels"]
    assert (reading.rules["stop_loss"].value, reading.rules["take_profit"].value) == (2, 3)


def test_every_part_is_named_at_once() -> None:
    lines = refusals("RSI on 7m for XYZ with TRIX")
    assert [line.split(":")[0] for line in lines] == ["timeframe 7m", "symbol XYZ", "indicator TRIX"]


def test_a_symbol_that_is_a_word_counts_in_capitals_only() -> None:
    stored = ["ALL", "ON", "EURUSD"]
    assert read_brief("RSI on all bars for EURUSD", stored).symbols[0].symbol == "EURUSD"
    assert read_brief("RSI for ALL", stored).symbols[0].symbol == "ALL"
    assert [words.symbol for words in read_brief("USE RSI ON ALL BARS FOR EURUSD", stored).symbols] == ["EURUSD"]


@pytest.mark.parametrize(
    "brief", ["1," * 2_000, "rsi(" + "1 " * 1_900, "hold " * 800, "a-" * 1_900, "rsi " * 1_000, "zorblax " * 500]
)
def test_a_hostile_brief_takes_no_long_time(brief: str) -> None:
    begin = time.process_time()
    with contextlib.suppress(BriefInvalid):
        read(brief)
    assert time.process_time() - begin < 10
