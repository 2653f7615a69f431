"""Sets torch's switches for a piece of work and restores them: threads, generator, determinism, device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ktrdr.errors import ArgumentInvalid


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
    """Returns the parts of torch that decide the last bits: version with build, and the instruction set it chose."""
    return {"torch": str(torch.__version__), "cpu_capability": torch.backends.cpu.get_cpu_capability()}
