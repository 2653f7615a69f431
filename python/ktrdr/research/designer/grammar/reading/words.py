"""The words that the grammar understands: each table maps a phrase in lower case to its meaning.

A phrase is matched whole, the longest first. Every type, alias and title of the catalogue is a phrase as well, so a new
indicator is understood by its own names without a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from ktrdr.strategy.catalog.indicators import INDICATORS

_INDICATOR_WORDS: Final[Mapping[str, str]] = {
    "rsi": "relative strength index, relative strength",
    "macd": "moving average convergence divergence, moving average convergence, macd histogram, macd line, "
    "macd signal line, macd signal, macd crossover, macd cross, convergence divergence",
    "stochastic": "stochastic oscillator, stochastics, stoch, slow stochastic, fast stochastic, stochastic k, "
    "stochastic d, stochastic crossover",
    "williamsr": "williams %r, williams % r, williams r, williams percent r, williams percent range, williams, will r, "
    "%r, wpr",
    "cci": "commodity channel index, commodity channel",
    "roc": "rate of change, rate-of-change, price rate of change",
    "momentum": "momentum indicator, momentum oscillator, mom",
    "aroon": "aroon indicator, aroon oscillator, aroon up, aroon down",
    "rvi": "relative vigor index, relative vigour index, relative vigor, vigor index",
    "fishertransform": "fisher transform, fisher, ehlers fisher, fisher transformation",
    "sma": "simple moving average, simple moving averages, simple ma, sma crossover, sma cross, moving average, "
    "moving averages, ma, mas, smas, moving average crossover, moving average crossovers, moving average cross, "
    "ma crossover, ma cross, golden cross, death cross",
    "ema": "exponential moving average, exponential moving averages, exponential ma, emas, ema crossover, ema cross, "
    "exponential average",
    "wma": "weighted moving average, weighted moving averages, weighted ma, linear weighted moving average, wmas",
    "hma": "hull moving average, hull ma, hull, hull average",
    "distancefromma": "distance from moving average, distance from the moving average, distance from ma, "
    "distance from the ma, distance from a moving average, distance to moving average, deviation from moving average, "
    "distance from the mean, ma distance, stretch",
    "adx": "average directional index, directional index, directional movement, directional movement index, dmi, "
    "trend strength, plus di, minus di",
    "supertrend": "super trend, super-trend",
    "parabolicsar": "parabolic stop and reverse, parabolic sar, parabolic, psar, sar, stop and reverse",
    "ichimoku": "ichimoku cloud, ichimoku clouds, ichimoku kinko hyo, ichimoku kumo, kumo, kijun, tenkan",
    "atr": "average true range, true range",
    "natr": "normalized average true range, normalised average true range, normalized atr, normalised atr, "
    "atr percent, percent atr",
    "bollingerbands": "bollinger bands, bollinger band, bollingers, bollinger, bbands, bbs, bb, bollinger bounce",
    "bollingerbandwidth": "bollinger band width, bollinger bandwidth, bollinger bands width, "
    "width of the bollinger bands, band width, bandwidth, bb width, bbw",
    "keltnerchannels": "keltner channels, keltner channel, keltner, keltners, kc",
    "donchianchannels": "donchian channels, donchian channel, donchian, donchians, donchian breakout, price channel, "
    "price channels, turtle channel",
    "squeezeintensity": "squeeze intensity, squeeze, bollinger squeeze, bollinger band squeeze, "
    "bollinger keltner squeeze, ttm squeeze, squeeze momentum, volatility squeeze",
    "obv": "on balance volume, on-balance volume, on-balance-volume",
    "adline": "accumulation and distribution line, accumulation distribution line, accumulation/distribution line, "
    "accumulation/distribution, accumulation distribution, ad line, a/d line, a/d",
    "mfi": "money flow index, money flow",
    "cmf": "chaikin money flow, chaikin",
    "vwap": "volume weighted average price, volume-weighted average price, volume weighted price",
    "volumeratio": "volume ratio, relative volume, volume by its average, rvol, volume confirmation, volume filter, "
    "volume spike, volume spikes, volume surge, volume indicator, volume indicators, volume analysis",
}

_STYLE_WORDS: Final[Mapping[str, str]] = {
    "trend": "trend following, trend-following, trendfollowing, trend follower, trend followers, trend, trends, "
    "trending, trend trading, trend strategy, trend-based, directional, follow the trend, follows the trend, "
    "following the trend",
    "reversion": "mean reversion, mean-reversion, meanreversion, mean reverting, mean-reverting, reversion, reversal, "
    "reversals, contrarian, counter trend, counter-trend, countertrend, range trading, range-bound, range bound, "
    "fade, fading, buy the dip, buys dips, buy dips, oversold, overbought, revert, reverts, reverting",
    "breakout": "breakout, breakouts, break out, break-out, breaking out, volatility breakout, range breakout, "
    "breakout trading, turtle",
    "momentum": "momentum strategy, momentum trading, momentum based, momentum-based, momentum style, momentum system, "
    "momentum investing, price momentum, momentum following",
    "scalping": "scalping, scalp, scalper, scalps, high frequency, high-frequency, very short term, "
    "very short-term, quick trades",
    "swing": "swing, swing trading, swing trade, swing trader, swings, position trading, long term, long-term, "
    "longer term, multi day, multi-day",
}

_MODEL_WORDS: Final[Mapping[str, str]] = {
    "mlp": "mlp, multilayer perceptron, multi layer perceptron, multi-layer perceptron, feed forward, feed-forward, "
    "feedforward, perceptron, dense network",
    "lstm": "lstm, long short term memory, long short-term memory, lstms",
    "gru": "gru, gated recurrent unit, gated recurrent, grus",
    "recurrent": "rnn, recurrent, recurrent network, recurrent net, recurrent neural network, sequence model",
}

_LABEL_WORDS: Final[Mapping[str, str]] = {
    "zigzag": "zigzag labels, zigzag label, zig zag labels, zig-zag labels, zigzag targets, labels zigzag, "
    "labelled by zigzag, labeled by zigzag, labels from zigzag, zigzag labelling, zigzag labeling",
    "triple_barrier": "triple barrier, triple-barrier, triple barriers, triple barrier method, barrier labels, "
    "triple barrier labels, triple-barrier labels",
    "forward_return": "forward return, forward returns, regression, predict returns, predict the return, "
    "predict the returns, return prediction, predicts returns, predicting returns, regression target",
}

_ABSENT_INDICATORS: Final = (
    "trix, kama, tema, dema, zlema, vidya, ppo, percentage price oscillator, apo, absolute price oscillator, "
    "awesome oscillator, accelerator oscillator, ultimate oscillator, know sure thing, kst, dpo, "
    "detrended price oscillator, vortex, vortex indicator, choppiness, choppiness index, true strength index, tsi, "
    "stochastic rsi, stochrsi, stoch rsi, chaikin oscillator, elder ray, bull power, bear power, alligator, fractals, "
    "williams alligator, gator, pivot points, pivot point, fibonacci, fibonacci retracement, fib, heikin ashi, "
    "heikin-ashi, renko, point and figure, candlestick patterns, candle patterns, candlesticks, elliott wave, "
    "elliott waves, gann, order flow, order book, footprint, market profile, volume profile, vix, put call ratio, "
    "open interest, sentiment, news, twitter, coppock curve, coppock, mass index, ease of movement, force index, "
    "klinger, qstick, cmo, chande momentum oscillator, connors rsi, schaff trend cycle, stc, "
    "linear regression channel, "
    "linear regression, standard deviation channel, kalman filter, hurst exponent, hurst, trendlines, support and "
    "resistance, envelopes, balance of power, chandelier exit, regression channel, t3, mcginley dynamic, "
    "fundamentals, earnings"
)

_ABSENT_MODELS: Final = (
    "transformer, transformers, attention network, xgboost, lightgbm, catboost, random forest, decision tree, "
    "gradient boosting, svm, support vector machine, reinforcement learning, q-learning, dqn, cnn, "
    "convolutional network, convolutional neural network, convolutional, genetic algorithm, genetic programming, "
    "arima, garch, hidden markov model, logistic regression, k-means, bayesian network"
)


def listed(line: str) -> frozenset[str]:
    """Returns the words of a line.

    >>> sorted(listed("long short"))
    ['long', 'short']
    """
    return frozenset(line.split())


def _phrases(table: Mapping[str, str]) -> dict[str, str]:
    return {phrase.strip(): meaning for meaning, line in table.items() for phrase in line.split(",")}


def _of_catalogue() -> dict[str, str]:
    """Returns the phrases of every indicator; those of the catalogue itself come last, so that they win."""
    own = _phrases({type_: line for type_, line in _INDICATOR_WORDS.items() if type_ in INDICATORS})
    named = {
        name.lower(): known.type for known in INDICATORS.values() for name in (known.title, *known.aliases, known.type)
    }
    return own | named


INDICATOR_PHRASES: Final[Mapping[str, str]] = _of_catalogue()
"""Types of the catalogue by phrase."""

STYLE_PHRASES: Final[Mapping[str, str]] = _phrases(_STYLE_WORDS)
"""Styles by phrase: trend, reversion, breakout, momentum, scalping, swing."""

MODEL_PHRASES: Final[Mapping[str, str]] = _phrases(_MODEL_WORDS)
"""Nets by phrase; ``recurrent`` leaves the choice between LSTM and GRU open."""

LABEL_PHRASES: Final[Mapping[str, str]] = _phrases(_LABEL_WORDS)
"""Label sources by phrase."""

ABSENT_INDICATORS: Final = frozenset(name.strip() for name in _ABSENT_INDICATORS.split(",")) - set(INDICATOR_PHRASES)
"""Indicators and data of other programs that the catalogue lacks: they are refused, not passed over."""

ABSENT_MODELS: Final = frozenset(name.strip() for name in _ABSENT_MODELS.split(","))
"""Models that a strategy cannot have."""

NUMBER_WORDS: Final[Mapping[str, int]] = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "sixty": 60,
}
"""Numbers that a brief spells out before a unit of time."""

PLAIN_WORDS: Final = frozenset((files(__package__) / "plain_words.txt").read_text(encoding="ascii").split())
"""Words that carry no instruction by themselves; everything else that is not understood is named in a note."""

PLAIN_ENDINGS: Final = (
    "ing",
    "ed",
    "ly",
    "tion",
    "tions",
    "ness",
    "ment",
    "ments",
    "able",
    "ible",
    "ous",
    "ive",
    "ful",
    "less",
    "ity",
    "ities",
    "ism",
    "ist",
    "ists",
    "ical",
    "ance",
    "ence",
    "ers",
    "ally",
    "ise",
    "ize",
)
"""Endings of words that are English and no name of an indicator or of a market."""
