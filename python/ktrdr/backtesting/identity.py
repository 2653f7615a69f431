"""The identity of a run: named parts, each with its hash. Paths and file times are not among them."""

from __future__ import annotations

import json
from typing import Any

from ktrdr import _core
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.numeric_profile import machine_profile
from ktrdr.strategy.schema import UNDECIDING

Parts = tuple[tuple[str, bytes], ...]


def identity_parts(config: BacktestConfig, features: FeatureMatrix, bundle: ModelBundle) -> Parts:
    """Returns name and BLAKE3 hash of every input that decides a run's result, in a fixed order."""
    facts = {
        "strategy": json.loads(config.written.canonical_json(without=UNDECIDING)),
        "model": [bundle.weights_sha256, bundle.metadata_sha256],
        **config.rules(),
        "warmup": features.first_simulated,
        "timeframe": config.timeframe.value,
        "symbol": config.symbol,
        "capital": config.initial_capital,
        "semantics": _core.SEMANTICS,
        "profile": numeric_profile(config, bundle),
    }
    bars = [
        (f"bars {config.symbol} {timeframe.value}", bytes.fromhex(series.content_hash()))
        for timeframe, series in features.series.items()
    ]
    bars += [
        (f"context {name}", bytes(_core.content_hash([context.known_ns, context.values])))
        for name, context in features.context.items()
    ]
    return (*bars, *((name, hash_of_rules(value)) for name, value in facts.items()))


def identity_of(parts: Parts) -> bytes:
    """Returns the run's identity: one hash over all parts, which the core writes into a snapshot."""
    return _core.identity(parts)


def numeric_profile(config: BacktestConfig, bundle: ModelBundle) -> dict[str, Any]:
    """Returns all that decides the last bits of a score: the machine's part, threads, and block size."""
    return machine_profile() | {"threads": config.threads, "block_rows": bundle.metadata.inference_block}


def hash_of_rules(value: object) -> bytes:
    """Returns the hash of JSON values as they are written, in the order of their keys."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return bytes(_core.content_hash([text.encode()]))
