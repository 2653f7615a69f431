"""The whole backtest against its bare parts, which a person would write with the same libraries.

The bare side reads the same Parquet file with polars, calls TA-Lib, grades with numpy, runs the same net in the same
blocks with the same threads, takes the softmax, and lets the core trade. It checks nothing, chooses no model and keeps
no manifest. Both sides must end with the same trades. A second row has an LSTM beside its bare forward alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import talib
import torch

import ktrdr
from benches.harness import Row, paired_ratio
from ktrdr.backtesting import BacktestConfig, BacktestingEngine, BacktestResults
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.inference import iter_scores
from ktrdr.neural.models.recurrent import Recurrent
from ktrdr.neural.storage import ModelStorage
from ktrdr.profile import BLOCK_ROWS
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.result import RunResult
from ktrdr.time import Timeframe

ROWS = 1_000_000
LSTM_ROWS = 40_000
LSTM_WINDOW = 20
LSTM_FEATURES = 16
THREADS = 2
STRATEGY: dict[str, Any] = {
    "name": "bench_mlp",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "BENCH"},
        "timeframes": {"mode": "single", "timeframe": "5m"},
    },
    "indicators": {
        "rsi": {"type": "rsi", "period": 14},
        "width": {"type": "bbands", "period": 20},
        "macd": {"type": "macd"},
        "atr": {"type": "natr", "period": 14},
    },
    "fuzzy_sets": {
        "level": {"indicator": "rsi", "low": [0, 25, 45], "mid": [35, 50, 65], "high": [55, 75, 100]},
        "band": {"indicator": "width.upper", "low": [0.5, 0.9, 1.1], "mid": [0.9, 1.1, 1.3], "high": [1.1, 1.5, 2]},
        "trend": {
            "indicator": "macd.line",
            "down": [-0.01, -0.001, 0],
            "flat": [-1e-4, 0, 1e-4],
            "up": [0, 0.001, 0.01],
        },
        "noise": {"indicator": "atr", "low": [0, 0.01, 0.02], "mid": [0.01, 0.02, 0.04], "high": [0.02, 0.05, 1]},
    },
    "nn_inputs": [{"fuzzy_set": name} for name in ("level", "band", "trend", "noise")],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [64, 32]}},
    "training": {
        "epochs": 5,
        "batch_size": 4_096,
        "seed": 1,
        "labels": {"source": "zigzag", "zigzag_threshold": 0.0005},
    },
    "decisions": {"confidence_threshold": 0.0},
    "execution": {"commission": {"rate": 1e-5}, "slippage": {"rate": 1e-5}},
}


def make_bars(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 1e-4, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    stamps = np.arange(rows, dtype=np.int64) * 300_000_000_000 + 1_262_304_000_000_000_000
    return pl.DataFrame(
        {
            "timestamp": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
        }
    )


def bare(file: Path, bundle: ModelBundle, config: BacktestConfig, first: int) -> RunResult:
    """Runs libraries alone over the same bars, indicators, net and rules; the simulation begins at row ``first``."""
    frame = pl.read_parquet(file)
    stamps = frame["timestamp"].cast(pl.Int64).to_numpy()
    prices = {name: frame[name].to_numpy() for name in ("open", "high", "low", "close")}
    scores = bare_scores(bundle.model, bare_features(prices))
    highest = scores.max(dim=1)
    signals = torch.tensor([1, 0, -1], dtype=torch.int8)[highest.indices].numpy()
    confidence = highest.values.numpy()
    signals[:first] = 0
    confidence[:first] = np.nan
    bars = BarSeries.of_checked("BENCH", Timeframe.M5, {"timestamp": stamps, **prices})
    rules = config.strategy
    run = BlockRun.begin(
        bars, execution=rules.execution, decisions=rules.decisions, metrics=rules.metrics, warmup_bars=first
    )
    run.advance(signals, confidence)
    return run.result()


def bare_features(prices: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the twelve degrees of the strategy by TA-Lib and numpy [n_bars, 12, float32]."""
    close = prices["close"]
    inputs = {
        "level": talib.RSI(close, 14),
        "band": talib.BBANDS(close, 20, 2.0, 2.0)[0],
        "trend": talib.MACD(close)[0],
        "noise": talib.NATR(prices["high"], prices["low"], close, 14),
    }
    matrix = np.empty((len(close), 12), np.float32)
    column = 0
    for name, values in inputs.items():
        for corners in list(STRATEGY["fuzzy_sets"][name].values())[1:]:
            left, peak, right = corners
            matrix[:, column] = np.interp(values, corners, [float(left == peak), 1.0, float(peak == right)])
            column += 1
    return matrix


def bare_scores(net: torch.nn.Module, matrix: np.ndarray) -> torch.Tensor:
    """Returns probabilities of a net, block by block [n_bars, 3, float32]."""
    rows = torch.from_numpy(matrix)
    with torch.inference_mode():
        return torch.cat([torch.softmax(net(block), dim=1) for block in rows.split(BLOCK_ROWS["mlp"])])


def rows() -> Iterator[Row]:
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as name:
        yield whole_backtest(Path(name))
    yield recurrent_net()


def whole_backtest(folder: Path) -> Row:
    repository = Repository(folder)
    file = repository.store(BarSeries.from_frame(make_bars(ROWS), "BENCH", Timeframe.M5))
    ktrdr.train(STRATEGY, "BENCH", "5m", start="2010-01-01", end="2010-06-30", data_dir=folder)
    bundle = ModelBundle.load(ModelStorage(repository.models_dir).find("bench_mlp/5m_v1").path)
    results: list[BacktestResults] = []

    def ours() -> None:
        config = BacktestConfig.of(STRATEGY, "BENCH", "5m", data_dir=folder)
        results[:] = [BacktestingEngine(config).run()]

    ours()
    (result,) = results
    assert result.metrics["daily_returns"] > 3_000
    assert result.metrics["trades"] > 1_000
    config = BacktestConfig.of(STRATEGY, "BENCH", "5m", data_dir=folder)
    first = result.facts["warmup_bars"]
    assert bare(file, bundle, config, first).metrics["trades"] == result.metrics["trades"]
    ratio, ours_s, bare_s = paired_ratio(ours, lambda: bare(file, bundle, config, first), rounds=7)
    note = f"{ours_s * 1e3:.0f} ms against {bare_s * 1e3:.0f} ms"
    return Row("backtest of 1 M bars, MLP 12-64-32-3, Parquet to metrics, over its bare parts", ratio, 1.3, "x", note)


def recurrent_net() -> Row:
    net = Recurrent(
        "lstm", LSTM_FEATURES, 3, sequence_length=LSTM_WINDOW, hidden_size=64, num_layers=2, dropout=0.0
    ).eval()
    values = np.random.default_rng(0).normal(size=(LSTM_ROWS, LSTM_FEATURES)).astype(np.float32)
    first = LSTM_WINDOW - 1
    windows = torch.from_numpy(values).unfold(0, LSTM_WINDOW, 1).transpose(1, 2)
    block = BLOCK_ROWS["lstm"]

    def forward() -> list[torch.Tensor]:
        with torch.inference_mode():
            return [net(windows[row : row + block]) for row in range(0, len(windows), block)]

    def ours() -> list[np.ndarray]:
        return [scores for _, _, scores in iter_scores(net, values, first_row=first, threads=THREADS)]

    assert np.allclose(np.concatenate(ours()), torch.cat(forward()).numpy(), atol=1e-5)
    ratio, ours_s, bare_s = paired_ratio(ours, forward, rounds=5)
    note = f"{ours_s * 1e3:.0f} ms against {bare_s * 1e3:.0f} ms, {LSTM_ROWS:,} rows"
    return Row("scores of an LSTM 2 x 64 over 20 x 16, over its bare forward", ratio, 1.05, "x", note)
