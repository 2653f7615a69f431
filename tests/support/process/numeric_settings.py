"""Runs the pipeline in children of this process, each with process-wide settings of numeric libraries turned.

Every child prints a line of JSON: its settings, the hashes of its results or its error, and the setting before and
after. The children are forked before any library has begun a thread, so that each pays for its work only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import talib
import torch
import torch._dynamo

import ktrdr
from ktrdr.backtesting import engine  # noqa: F401
from ktrdr.errors import KtrdrError
from ktrdr.neural import inference  # noqa: F401
from ktrdr.strategy.loader import load_strategy
from ktrdr.training import train  # noqa: F401

HOUR_NS = 3_600 * 10**9


def _use_inference_mode() -> None:
    torch.inference_mode().__enter__()


def _run_torch_s_threads_while_flushing() -> None:
    torch.set_flush_denormal(True)
    torch.full((1_000_000,), 1.0).sum()


def _seed() -> None:
    torch.manual_seed(99)
    np.random.seed(3)


def _unstable() -> None:
    for name in ("RSI", "ADX", "EMA"):
        talib.set_unstable_period(name, 40)


def _precision(where: Any, name: str) -> tuple[Callable[[], object], Callable[[], Any]]:
    return lambda: setattr(where, "fp32_precision", name), lambda: where.fp32_precision


def _flushes() -> bool:
    return sys.float_info.min * 0.5 == 0.0


SETTINGS: dict[str, tuple[Callable[[], object], Callable[[], Any]]] = {
    "nothing": (lambda: None, lambda: None),
    "dtype": (lambda: torch.set_default_dtype(torch.float64), torch.get_default_dtype),
    "half dtype": (lambda: torch.set_default_dtype(torch.bfloat16), torch.get_default_dtype),
    "device": (lambda: torch.set_default_device("meta"), torch.get_default_device),
    "no gradients": (lambda: torch.set_grad_enabled(False), torch.is_grad_enabled),
    "inference mode": (_use_inference_mode, torch.is_inference_mode_enabled),
    "autocast": (lambda: torch.set_autocast_enabled("cpu", True), lambda: torch.is_autocast_enabled("cpu")),
    "anomaly mode": (lambda: torch.autograd.set_detect_anomaly(True), torch.is_anomaly_enabled),
    "deterministic": (
        lambda: torch.use_deterministic_algorithms(True, warn_only=True),
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
    ),
    "one thread": (lambda: torch.set_num_threads(1), torch.get_num_threads),
    "four threads": (lambda: torch.set_num_threads(4), torch.get_num_threads),
    "matmul precision": (lambda: torch.set_float32_matmul_precision("medium"), torch.get_float32_matmul_precision),
    "precision of oneDNN": _precision(torch.backends.mkldnn.matmul, "bf16"),
    "precision of all": _precision(torch.backends, "tf32"),
    "oneDNN off": (
        lambda: setattr(torch.backends.mkldnn, "enabled", False),
        lambda: torch.backends.mkldnn.enabled,
    ),
    "flushed denormals": (lambda: torch.set_flush_denormal(True), _flushes),
    "flushing threads": (_run_torch_s_threads_while_flushing, _flushes),
    "random state": (_seed, lambda: torch.get_rng_state().sum().item()),
    "errors of numpy": (lambda: np.seterr(all="raise"), np.geterr),
    "buffer of numpy": (lambda: np.setbufsize(1_024), np.getbufsize),
    "unstable periods": (_unstable, lambda: [talib.get_unstable_period(name) for name in ("RSI", "ADX", "EMA")]),
    "Metastock": (lambda: talib.set_compatibility(1), talib.get_compatibility),
    "printing": (lambda: np.set_printoptions(legacy="1.13", precision=2), lambda: np.get_printoptions()["precision"]),
}


def world(n: int = 320) -> pl.DataFrame:
    """Returns a walk of ``n`` hourly bars."""
    random = np.random.default_rng(5)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.004, n)))
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) * 1.001
    low = np.minimum(open_, close) * 0.999
    stamps = np.arange(n, dtype=np.int64) * HOUR_NS
    return pl.DataFrame({"timestamp": stamps, "open": open_, "high": high, "low": low, "close": close})


def strategy(architecture: dict[str, Any]) -> dict[str, Any]:
    """Returns a strategy with recursive indicators, degrees down to denormal floats, and this net."""
    file = load_strategy("v3_minimal").canonical()
    file["indicators"] |= {"adx": {"type": "adx", "period": 5}, "macd": {"type": "macd"}}
    narrow = {"type": "gaussian", "parameters": [40, 1.5]}
    file["fuzzy_sets"]["trend"] = {"indicator": "adx", "strong": narrow}
    inputs: list[dict[str, Any]] = [{"fuzzy_set": name} for name in file["fuzzy_sets"]]
    file["nn_inputs"] = [*inputs, {"raw_indicator": "macd", "normalization": "zscore"}]
    file["training"] = {"epochs": 1, "labels": {"source": "zigzag", "zigzag_threshold": 0.01}}
    file["model"] = architecture
    return file


NETS: tuple[dict[str, Any], ...] = (
    {"type": "mlp", "architecture": {"hidden_layers": [64, 32]}},
    {"type": "lstm", "architecture": {"sequence_length": 4, "hidden_size": 16, "num_layers": 2}},
)


BOTH_NETS = {"nothing", "oneDNN off", "precision of oneDNN", "inference mode"}
"""Settings that reach a recurrent net by another way than a perceptron."""


def results(nets: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Returns hashes of features, weights and results by door."""
    bars = world()
    found = {}
    for net in nets:
        file = strategy(net)
        features = ktrdr.features(file, "EURUSD", "1h", bars={"1h": bars})
        found["features"] = hashlib.sha256(features.matrix.values.tobytes()).hexdigest()
        with tempfile.TemporaryDirectory() as folder:
            trained = ktrdr.train(file, "EURUSD", bars={"1h": bars}, data_dir=folder, device="cpu")
            weights = next(Path(trained.path).glob("*.safetensors")).read_bytes()
            tested = ktrdr.backtest(file, "EURUSD", "1h", bars={"1h": bars}, model=trained.path)
        found[f"{net['type']} weights"] = hashlib.sha256(weights).hexdigest()
        found[f"{net['type']} result"] = tested.result_hash
    signals = np.zeros(len(bars), np.int8)
    signals[20::40] = 1
    signals[40::40] = -1
    found["simulate"] = ktrdr.simulate(bars, signals).result_hash
    return found


def tell(child: str) -> None:
    """Turns the settings of a child, runs, and prints what came of it."""
    names = child.split("+")
    torch.set_num_threads(2)
    for name in names:
        SETTINGS[name][0]()
    before = [str(SETTINGS[name][1]()) for name in names]
    try:
        found: Any = results(NETS if BOTH_NETS & set(names) else NETS[:1])
    except KtrdrError as error:
        found = error.code
    after = [str(SETTINGS[name][1]()) for name in names]
    line = json.dumps({"child": child, "found": found, "before": before, "after": after}) + "\n"
    os.write(1, line.encode())  # in one call: two children share the pipe


def main(children: Sequence[str]) -> None:
    """Forks a child for every argument, which names its settings with + between them; two at a time."""
    running: list[int] = []
    for name in children:
        if len(running) == 2:
            os.waitpid(running.pop(0), 0)
        child = os.fork()
        if child == 0:
            tell(name)
            os._exit(0)
        running.append(child)
    for pid in running:
        os.waitpid(pid, 0)


def read_children(*children: str) -> dict[str, dict[str, Any]]:
    """Returns what the children of a fresh interpreter printed, by child."""
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "support.process.numeric_settings", *children],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(children), done.stderr[-2_000:]
    return {row["child"]: row for row in rows}


if __name__ == "__main__":
    main(sys.argv[1:])
