"""Runs that are busy for long where a cancel meets them: in one block of a large net, or in many short ones.

Trading alone takes no time to aim at: 600,000 bars of a small net are over after 0.1 s of CPU.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from ktrdr.operations.store.store import Store
from support.inputs import worlds
from support.process.processes import Place, furnish, wait_for, wait_for_bar

LONG = {"sequence_length": 512, "hidden_size": 512, "num_layers": 4, "dropout": 0.0}
"""A block takes seconds."""
LARGEST = {"sequence_length": 1_024, "hidden_size": 1_024, "num_layers": 4, "dropout": 0.0}
"""The largest that the schema allows: a block takes more than a minute."""
N_BARS = 3_000
MANY_BARS = 200_000


def strategy(architecture: dict[str, Any]) -> dict[str, Any]:
    """With a net that is busy for long."""
    return worlds.strategy("lstm", name="walker_long", model={"type": "lstm", "architecture": architecture})


def place_with(folder: Path, architecture: dict[str, Any] | None, settings: dict[str, str]) -> Place:
    """A folder of bars and that net; without one a GRU that trades after each block of a fraction of a second."""
    if architecture is None:
        furnish(folder, MANY_BARS, ("slow",))
    else:
        furnish(folder, N_BARS, ())
        worlds.untrained(folder, strategy(architecture), seed=1)
    return Place(folder, f"sqlite:///{folder / 'ktrdr.db'}", settings)


def submit(place: Place, store: Store, architecture: dict[str, Any] | None) -> str:
    """A run of it, for a worker to find."""
    if architecture is None:
        return place.submit(store, "slow").id
    return store.submit("backtest", place.request_of(strategy(architecture)).to_spec(), threads=2).id


def busy(store: Store, name: str, architecture: dict[str, Any] | None, rng: random.Random) -> None:
    """Waits until the run is in the midst of what takes it long."""
    if architecture is None:
        wait_for_bar(store, name, 20_000)
        return
    wait_for(lambda: (at := store.get(name).progress or {}).get("phase") == "indicators" and at["done"] == at["total"])
    time.sleep(rng.uniform(1.5, 2.5))  # the net is loaded, and a window of bars put together
    assert (store.get(name).progress or {}).get("bar") is None
