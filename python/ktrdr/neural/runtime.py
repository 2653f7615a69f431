"""Sets torch's switches for a piece of work and restores them: state, threads, generator, determinism, device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from operator import attrgetter
from typing import Any

import torch

from ktrdr.errors import ArgumentInvalid, NumericState
from ktrdr.numerics import SharedSwitches, Switch, numeric_state

_PRECISIONS = (
    "",
    "mkldnn",
    "mkldnn.matmul",
    "mkldnn.rnn",
    "mkldnn.conv",
    "cuda.matmul",
    "cudnn",
    "cudnn.conv",
    "cudnn.rnn",
)
"""Settings of torch.backends that may round products of float32, outer ones first: an inner one inherits."""
_CHOOSING = (
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)
"""Variables by which oneDNN and MKL choose other instructions or a lower precision."""
_GRAIN_VALUES = 32_768
"""Values that torch gives to a thread at least."""


@contextmanager
def run_state(threads: int | None = None, device: torch.device | None = None) -> Iterator[None]:
    """Sets every switch that changes a run's numbers inside the block, whatever else lives in the process.

    Default dtype and device, gradients, autocast, anomaly mode, precision of products, deterministic algorithms,
    oneDNN; numpy, TA-Lib and denormal numbers by ``numeric_state``.

    Args:
        threads: torch's threads; None leaves them.
        device: the device of the work; the CPU by default.

    Raises:
        NumericState: a thread flushes denormal numbers to 0 and cannot be set.

    >>> torch.set_default_dtype(torch.float64)
    >>> with run_state():
    ...     torch.zeros(1).dtype
    torch.float32
    >>> torch.get_default_dtype()
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    with ExitStack() as stack:
        stack.enter_context(numeric_state())
        stack.enter_context(_SWITCHES.held())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in sorted({"cpu", device.type if device is not None else "cpu"}):
            stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.autograd.set_detect_anomaly(False))
        if threads is not None:
            stack.enter_context(torch_threads(threads))
            _require_denormals(threads)
        yield


def _require_denormals(threads: int) -> None:
    """Refuses threads of torch that began while denormal numbers were flushed: they keep that setting."""
    if threads == 1:
        return
    # One denormal in each 1,024 values reaches every thread: a processor takes a hundred times as long for one.
    values = torch.ones(threads * _GRAIN_VALUES)
    values[::1_024] = 1e-40
    if bool((values * 0.5 == 0).any()):
        raise NumericState(
            "threads of torch flush denormal numbers to 0",
            where="torch.set_flush_denormal",
            found="flush to zero",
            hint="torch's threads keep it from their start: run in a process of its own, or with one thread",
        )


def _matmul_precision() -> str:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:  # set by backend, which the switches after this one cover
        return "highest"


def _deterministic() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _attribute(owner: str, name: str, value: object) -> Switch:
    """Returns the switch of an attribute below torch.backends."""
    part = attrgetter(owner)(torch.backends) if owner else torch.backends
    return Switch(partial(getattr, part, name), partial(setattr, part, name), value)


def _switches() -> list[Switch]:
    return [
        Switch(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        Switch(_deterministic, _set_deterministic, (False, False)),
        _attribute("mkldnn", "enabled", True),
        _attribute("mkldnn", "deterministic", False),
        Switch(_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        *(_attribute(owner, "fp32_precision", "ieee") for owner in _PRECISIONS),
    ]


_SWITCHES = SharedSwitches(_switches)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Sets torch's threads inside the block, so that the machine's core count has no effect."""
    before = torch.get_num_threads()
    if count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count != before:
            torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Seeds torch's CPU generator inside the block and restores the caller's random state after it."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        yield torch.manual_seed(seed)


@contextmanager
def deterministic_on(device: torch.device) -> Iterator[bool]:
    """Yields True if a repeat on this device gives the same bits.

    On cuda torch's deterministic algorithms are switched on inside the block.
    """
    if device.type != "cuda":
        yield device.type == "cpu"
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it before its first call
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield True
    finally:
        torch.use_deterministic_algorithms(before)


def choose_device(name: str) -> torch.device:
    """Returns the device of that name; ``auto`` is the first available of cuda, mps and cpu.

    Raises ``ArgumentInvalid`` for a device that is unknown or not available.

    >>> choose_device("cpu").type
    'cpu'
    """
    available = [kind for kind, there in _devices() if there]
    if name == "auto":
        return torch.device(available[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in available or (device.index or 0) >= _count(device.type):
        raise ArgumentInvalid(
            "device is not available", where="device", found=name, expected=", ".join(["auto", *available])
        )
    return device


def _devices() -> list[tuple[str, bool]]:
    return [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]


def _count(kind: str) -> int:
    return torch.cuda.device_count() if kind == "cuda" else 1


def torch_profile() -> dict[str, Any]:
    """Returns the parts of torch that decide the last bits: version with build, and the instruction set it chose.

    Variables of the environment that make oneDNN or MKL choose others are there where they are set.
    """
    chosen = {name: os.environ[name] for name in _CHOOSING if os.environ.get(name)}
    return {"torch": str(torch.__version__), "cpu_capability": torch.backends.cpu.get_cpu_capability(), **chosen}
