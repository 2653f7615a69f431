"""Small nets and bundles, made without data and without training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ktrdr.neural.bundle import BundleDraft
from ktrdr.neural.inference import Scores, iter_scores
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.neural.models.base_model import BaseNeuralModel
from ktrdr.neural.models.factory import build_model
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span

ARCHITECTURES: Mapping[str, Mapping[str, Any]] = {
    "mlp": {"hidden_layers": [8, 4], "dropout": 0.2, "activation": "relu"},
    "lstm": {"sequence_length": 5, "hidden_size": 6, "num_layers": 2, "dropout": 0.2},
    "gru": {"sequence_length": 5, "hidden_size": 6, "num_layers": 1, "dropout": 0.2},
}


def strategy_of(kind: str = "mlp", **changes: Any) -> Strategy:
    """A strategy with three fuzzy features and a small net of that kind."""
    file = {
        "name": "tiny",
        "training_data": {
            "symbols": {"mode": "single", "symbol": "EURUSD"},
            "timeframes": {"mode": "single", "timeframe": "1h"},
        },
        "indicators": {"rsi_14": {"type": "rsi", "period": 14}},
        "fuzzy_sets": {"rsi": {"indicator": "rsi_14", "low": [0, 20, 40], "mid": [30, 50, 70], "high": [60, 80, 100]}},
        "nn_inputs": [{"fuzzy_set": "rsi"}],
        "model": {"type": kind, "architecture": dict(ARCHITECTURES[kind])},
    }
    return load_strategy(file | changes)


def net_of(kind: str, seed: int = 1) -> BaseNeuralModel:
    """A net of that kind over the three features, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_model(strategy_of(kind).model, 3, 3).eval()


def draft_of(kind: str = "mlp", state: Mapping[str, torch.Tensor] | None = None) -> BundleDraft:
    """A bundle of that net, complete."""
    strategy = strategy_of(kind)
    metadata = BundleMetadata(
        strategy_name=strategy.name,
        strategy_version=strategy.version,
        feature_part=strategy.feature_part(),
        model=strategy.model,
        output_type=strategy.output_format,
        resolved_features=strategy.feature_names,
        symbols=strategy.symbols,
        timeframes=strategy.timeframes,
        training_span=Span(0, 1_000),
        in_sample=Span(0, 800),
        selection=Span(850, 990),
        label_ends={"train": 700, "validation": 800, "test": 990},
        synthetic=True,
        run={"seed": 1, "threads": 2, "device": "cpu", "deterministic": True},
        metrics={"epochs": 3},
        versions={"torch": "2"},
    )
    return BundleDraft(
        metadata,
        net_of(kind).state_dict() if state is None else state,
        {"names": list(strategy.feature_names), "count": 3, "warm_up_bars": {"1h": 109}},
        strategy.canonical(),
        {"best_epoch": 1, "epochs": []},
    )


def all_scores(model: BaseNeuralModel, values: NDArray[np.float32], **options: Any) -> Scores:
    """Returns the scores of every row at once [n_bars, n_outputs, float32]; NaN for rows that were not asked for."""
    scores = np.full((len(values), model.n_outputs), np.nan, np.float32)
    for low, high, part in iter_scores(model, values, **options):
        scores[low:high] = part
    return scores
