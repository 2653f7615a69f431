"""Small worlds for tests of the pipeline: bars of a seeded walk, strategies of every kind, nets without a training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

KINDS = ("mlp", "lstm", "gru", "regression", "mtf")
SEEDS = {"mlp": 8, "lstm": 6, "gru": 2, "regression": 11, "mtf": 7}
"""Random weights that want to buy, hold and sell now and then."""
HOUR_NS = 3_600_000_000_000
FIRST_NS = 1_704_067_200_000_000_000  # 2024-01-01

_SETS = {
    "rsi_level": {"indicator": "rsi_7", "low": [0, 25, 50], "mid": [30, 50, 70], "high": [50, 75, 100]},
    "trend": {"indicator": "distance", "down": [-3, -0.5, 0], "up": [0, 0.5, 3]},
}
_BASE: dict[str, Any] = {
    "name": "walker",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "EURUSD"},
        "timeframes": {"mode": "single", "timeframe": "1h"},
    },
    "indicators": {
        "rsi_7": {"type": "rsi", "period": 7},
        "distance": {"type": "distancefromma", "period": 5},
        "range": {"type": "atr", "period": 5},
    },
    "fuzzy_sets": _SETS,
    "nn_inputs": [
        {"fuzzy_set": "rsi_level"},
        {"fuzzy_set": "trend"},
        {"raw_indicator": "range", "normalization": "zscore"},
    ],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [8]}},
    "decisions": {"confidence_threshold": 0.0, "filters": {"min_signal_separation": 2}},
    "training": {"labels": {"source": "zigzag", "zigzag_threshold": 0.005}, "epochs": 2, "seed": 3},
}
_RECURRENT = {"sequence_length": 4, "hidden_size": 8, "num_layers": 1, "dropout": 0.0}


def strategy(kind: str = "mlp", **changes: Any) -> dict[str, Any]:
    """A strategy file as a mapping: ``mlp``, ``lstm``, ``gru``, ``regression`` or ``mtf``."""
    file = copy.deepcopy(_BASE)
    file["name"] = f"walker_{kind}"
    if kind in ("lstm", "gru"):
        file["model"] = {"type": kind, "architecture": _RECURRENT}
    if kind == "regression":
        file["decisions"] = {
            "output_format": "regression",
            "cost_model": {"round_trip_cost": 1e-4, "min_edge_multiplier": 1.0},
        }
        file["training"]["labels"] = {"source": "forward_return", "horizon": 5}
    if kind == "mtf":
        file["training_data"]["timeframes"] = {"mode": "multi_timeframe", "list": ["1h", "4h"], "base_timeframe": "1h"}
    return file | changes


def frame(n_bars: int, *, hours: int = 1, seed: int = 1, first_ns: int = FIRST_NS) -> pl.DataFrame:
    """``n_bars`` bars of a geometric walk without gaps, ``hours`` apart."""
    draws = np.random.default_rng(seed).standard_normal(
        (n_bars, 4)
    )  # row by row: a longer frame begins as a shorter one
    close = 1.1 * np.exp(np.cumsum(0.002 * draws[:, 0]))
    opened = np.concatenate([[close[0]], close[:-1]])
    wick = 1 + 0.001 * np.abs(draws[:, 1:3]).T
    stamps = first_ns + np.arange(n_bars, dtype=np.int64) * (hours * HOUR_NS)
    return pl.DataFrame(
        {
            "timestamp": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
            "open": opened,
            "high": np.maximum(opened, close) * wick[0],
            "low": np.minimum(opened, close) / wick[1],
            "close": close,
            "volume": 100.0 + np.floor(20 * np.abs(draws[:, 3])),
        }
    )


def bars(n_bars: int, kind: str = "mlp", seed: int = 1) -> dict[str, pl.DataFrame]:
    """Returns the value for ``bars=``: 1h, and for ``mtf`` the 4h made from it."""
    base = frame(n_bars, seed=seed)
    if kind != "mtf":
        return {"1h": base}
    ohlc = [
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    ]
    whole = n_bars // 4
    return {"1h": base, "4h": base.group_by_dynamic("timestamp", every="4h").agg(ohlc).head(whole)}


def untrained(data_dir: Path, file: dict[str, Any], *, seed: int | None = None, **facts: Any) -> str:
    """Writes a bundle with random weights for a strategy and returns its id; ``facts`` replace its metadata's."""
    import torch

    from ktrdr.neural.bundle import BundleDraft, bundle_id, write_bundle
    from ktrdr.neural.metadata import BundleMetadata
    from ktrdr.neural.models.factory import build_model
    from ktrdr.strategy.loader import load_strategy

    loaded = load_strategy(file)
    with torch.random.fork_rng():
        torch.manual_seed(SEEDS[file["name"].removeprefix("walker_")] if seed is None else seed)
        model = build_model(loaded.model, len(loaded.feature_names), loaded.n_outputs)
        for weights in model.parameters():
            weights.data.mul_(3.0)
    raw = {
        name: {"kind": "zscore", "shift": 0.003, "scale": 0.001, "low": 0.001, "high": 0.006}
        for name in loaded.feature_names
        if name.endswith("_raw")
    }
    known: dict[str, Any] = {
        "strategy_name": loaded.name,
        "strategy_version": loaded.version,
        "feature_part": loaded.feature_part(),
        "model": loaded.model,
        "output_type": loaded.output_format,
        "resolved_features": loaded.feature_names,
        "symbols": loaded.symbols,
        "timeframes": tuple(sorted(loaded.timeframes)),
        "synthetic": False,
        "normalization_params": raw,
        "target_scale": 0.001 if loaded.output_format == "regression" else 1.0,
    }
    metadata = BundleMetadata(**(known | facts))
    draft = BundleDraft(
        metadata=metadata,
        state={name: value.clone() for name, value in model.state_dict().items()},
        features={"names": list(loaded.feature_names)},
        config=loaded.canonical(),
        history={},
    )
    return bundle_id(write_bundle(data_dir / "models" / loaded.name, draft))
