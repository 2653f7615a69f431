"""Trainings are killed at random moments: each ends once, with the bits of one that nothing stopped."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import ktrdr
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations.models import Status
from ktrdr.operations.store.store import Store
from ktrdr.training.run.result import TrainResult
from support.database.databases import Server
from support.inputs import worlds
from support.process.forks import Forks, forks
from support.process.processes import Place, furnish, wait_for
from support.soak import seeds

N_BARS = 1_200
OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.03"}
"""Many kills then fall into a save."""
EPOCHS = {"mlp": 60, "lstm": 12, "gru": 12, "regression": 60, "mtf": 40}
SCHEDULERS: tuple[Any, ...] = (False, {"type": "reduce_on_plateau", "patience": 1}, {"type": "step", "step_size": 3})
MOST_KILLS = 4
LONGEST_S = 2.5
Whole = Callable[[str], TrainResult]


def file_of(kind: str) -> dict[str, Any]:
    """A strategy whose training has every part that a state has: dropout, a schedule, early stopping."""
    file = worlds.strategy(kind, name=f"killed_{kind}")
    number = list(EPOCHS).index(kind)
    file["training"] |= {
        "epochs": EPOCHS[kind], "batch_size": 32, "lr_scheduler": SCHEDULERS[number % 3],
        "early_stopping": {"patience": 30}, "optimizer": ("adam", "adamw", "sgd")[number % 3],
    }  # fmt: skip
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = furnish(tmp_path_factory.mktemp("shared"), N_BARS, ("mtf",))
    for kind in EPOCHS:
        (found / f"{kind}.yaml").write_text(yaml.safe_dump(file_of(kind), sort_keys=False))
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The uninterrupted training of a kind, in a folder of its own."""
    place = furnish(tmp_path_factory.mktemp("whole"), N_BARS, ("mtf",))
    return cache(lambda kind: ktrdr.train(file_of(kind), threads=1, device="cpu", data_dir=place))


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("said")) as found:
        yield found


def kill_and_finish(zygote: Forks, place: Place, seed: int, whole: Whole, tally: Counter[str]) -> None:
    """One training, killed until it is over or has been killed often enough; then the rest of it."""
    store = place.store()
    rng = random.Random(seed)
    kind = rng.choice(list(EPOCHS))
    storage = ModelStorage(place.folder / "models")
    for stored in storage.models(f"killed_{kind}"):
        storage.delete(stored)
    program = zygote.begin(place, ["train", f"{kind}.yaml", "--threads", "1", "--device", "cpu"])
    (operation,) = wait_for(lambda: store.list()[0])
    for _ in range(rng.randint(1, MOST_KILLS)):
        time.sleep(rng.uniform(0.0, LONGEST_S) ** 2 / LONGEST_S)  # more of them early
        program.kill()
        at = store.get(operation.id)
        if at.status is Status.COMPLETED:
            break
        tally["kills"] += 1
        tally["kills before the first checkpoint"] += at.generation == 0
        tally["kills beside the bundle"] += len(storage.models(f"killed_{kind}"))
        program = zygote.begin(place, ["operations", "resume", operation.id])
    program.wait()
    assert_whole(store, operation.id, storage, whole(kind), program.err)
    store.delete(operation.id)
    store.close()
    tally["trainings"] += 1


def assert_whole(store: Store, name: str, storage: ModelStorage, expected: TrainResult, said: Path) -> None:
    """One bundle, of the uninterrupted training's bytes."""
    outcome = store.outcome(name)
    assert outcome is not None, (store.get(name), said.read_text())
    assert (outcome.result_hash, outcome.identity) == (expected.result_hash, expected.identity)
    (model,) = storage.models(expected.metadata.strategy_name)
    for file in ("model.safetensors", "metadata_v3.json", "metrics.json", "config.json"):
        assert (model.path / file).read_bytes() == (expected.path / file).read_bytes(), file
    assert [path.name for path in model.path.parent.iterdir()] == [model.path.name]
    assert store.checkpoints(name) == []


@pytest.mark.soak
def test_training_kills_sqlite(zygote: Forks, folder: Path, tmp_path: Path, whole: Whole) -> None:
    tally: Counter[str] = Counter()
    place = Place(folder, f"sqlite:///{tmp_path / 'ktrdr.db'}", OFTEN)
    for seed in seeds("training kills (SQLite)", 200, batch=20, tally=tally):
        kill_and_finish(zygote, place, seed, whole, tally)


@pytest.mark.soak
def test_training_kills_postgresql(zygote: Forks, folder: Path, postgresql: Server, whole: Whole) -> None:
    tally: Counter[str] = Counter()
    place = Place(folder, postgresql.url(postgresql.take()), OFTEN)
    for seed in seeds("training kills (PostgreSQL)", 200, batch=20, tally=tally):
        kill_and_finish(zygote, place, 10_000 + seed, whole, tally)
