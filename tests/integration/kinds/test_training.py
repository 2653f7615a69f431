"""Trainings that are killed, stopped and resumed by real processes: one bundle, with the bits of a whole run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import ktrdr
from ktrdr.cli.app import main
from ktrdr.errors import Cancelled
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations import train
from ktrdr.operations.models import Operation, Status
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.store.store import Store
from ktrdr.training.run.result import TrainResult
from support.database.stores import damage
from support.inputs import worlds
from support.process.forks import Forked, Forks, forks
from support.process.processes import Place, furnish, wait_for

OFTEN = {"KTRDR_CHECKPOINT_SECONDS": "0.05"}
FILE = worlds.strategy(
    "mlp", name="killed",
    training={"labels": {"source": "zigzag", "zigzag_threshold": 0.005}, "epochs": 60, "batch_size": 32, "seed": 3},
)  # fmt: skip
TRAIN = ("train", "killed.yaml", "--threads", "1", "--device", "cpu")
DIES_BEFORE_THE_END = """
import os
from ktrdr.operations.running.recorder import Recorder
Recorder.complete = lambda *_: os.kill(os.getpid(), 9)
"""
DIES_WHILE_IT_WRITES = """
import os
import ktrdr.neural.bundle
ktrdr.neural.bundle._claim = lambda *_: os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with forks(tmp_path_factory.mktemp("said")) as found:
        yield found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """The training that nothing stops, without a database."""
    folder = furnish(tmp_path_factory.mktemp("whole"), 1_200, ())
    return ktrdr.train(FILE, threads=1, device="cpu", data_dir=folder)


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Place:
    folder = furnish(tmp_path / "data", 1_200, ())
    (folder / "killed.yaml").write_text(yaml.safe_dump(FILE, sort_keys=False))
    return Place(folder, database_url, OFTEN)


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    found = place.store()
    yield found
    found.close()


def begun(zygote: Forks, place: Place, store: Store, generation: int) -> tuple[Forked, Operation]:
    """A training in the foreground that has been saved that often."""
    program = zygote.begin(place, TRAIN)
    (operation,) = wait_for(lambda: store.list()[0])
    saved: Operation = wait_for(lambda: now if (now := store.get(operation.id)).generation >= generation else None)
    return program, saved


def assert_whole(place: Place, store: Store, operation_id: str, whole: TrainResult) -> None:
    """One bundle, of the same bytes as the uninterrupted training's, and nothing left behind."""
    done = store.get(operation_id)
    outcome = store.outcome(operation_id)
    assert done.status is Status.COMPLETED and outcome is not None
    assert (outcome.result_hash, outcome.identity) == (whole.result_hash, whole.identity)
    assert [one.generation for one in store.checkpoints(operation_id) if one.damage is None] == []
    (model,) = ModelStorage(place.folder / "models").models()
    for name in ("model.safetensors", "metadata_v3.json", "metrics.json"):
        assert (model.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert [path.name for path in model.path.parent.iterdir()] == [model.path.name]


def test_killed_and_resumed_it_ends_with_the_same_bits(
    zygote: Forks, place: Place, store: Store, whole: TrainResult
) -> None:
    program, operation = begun(zygote, place, store, generation=2)
    program.kill()
    left = store.get(operation.id)
    assert left.status is Status.INTERRUPTED and left.progress is not None and left.progress["epoch"] >= 1
    answer = zygote.call(place, "operations", "resume", operation.id)
    assert (answer["status"], answer["model"], answer["is_new"]) == ("completed", "killed/1h_v1", True)
    assert answer["result_hash"] == whole.result_hash and answer["metrics"] == whole.metrics
    assert_whole(place, store, operation.id, whole)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("dies", ["before the end", "while it writes"])
def test_killed_beside_its_bundle_it_leaves_one(
    zygote: Forks, place: Place, store: Store, whole: TrainResult, dies: str
) -> None:
    code = DIES_BEFORE_THE_END if dies == "before the end" else DIES_WHILE_IT_WRITES
    zygote.begin(place, TRAIN, before=code).wait()
    (operation,) = store.list()[0]
    assert operation.status is Status.INTERRUPTED and operation.generation > 0
    written = ModelStorage(place.folder / "models").models()
    assert len(written) == (dies == "before the end")
    answer = zygote.call(place, "operations", "resume", operation.id)
    assert answer["is_new"] == (dies == "while it writes") and answer["result_hash"] == whole.result_hash
    assert_whole(place, store, operation.id, whole)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_stopped_by_ctrl_c_it_continues_before_a_damaged_checkpoint(
    zygote: Forks, place: Place, store: Store, whole: TrainResult
) -> None:
    program, operation = begun(zygote, place, store, generation=2)
    os.kill(program.pid, signal.SIGINT)
    program.wait()
    assert f"ktrdr operations resume {operation.id}" in program.err.read_text()
    left = store.get(operation.id)
    assert left.status is Status.CANCELLED and left.progress is not None and left.progress["epoch"] >= 1
    damage(store, operation.id, left.generation)
    answer = zygote.call(place, "operations", "resume", operation.id)
    assert any("snapshot_corrupt" in line for line in answer["warnings"])
    assert any(line.startswith("continues at generation") for line in answer["warnings"])
    assert_whole(place, store, operation.id, whole)


@pytest.fixture
def call(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """A command in this process, and its answer."""
    monkeypatch.chdir(place.folder)
    for name in ("KTRDR_DATA_DIR", "KTRDR_DATABASE_URL"):
        monkeypatch.setenv(name, place.environment[name])

    def run(*words: str) -> dict[str, Any]:
        main(["--json", *words])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_bars_than_it_was_started_with_are_refused(place: Place, store: Store, call: Callable[..., Any]) -> None:
    stop = StopAt(5)
    with pytest.raises(Cancelled):
        train(FILE, threads=1, device="cpu", store=store, bridge=stop, cancellation_token=stop.token)
    (operation,) = store.list()[0]
    furnish(place.folder, 1_199, ())
    error = call("operations", "resume", operation.id)["error"]
    assert (error["code"], error["part"]) == ("identity_mismatch", "bars EURUSD 1h")
    assert ModelStorage(place.folder / "models").models() == []


class StopAt:
    """A bridge whose token cancels the training once it has done so many batches."""

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self.token = Token()

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        """Looks at the batch."""
        if phase == "training" and done >= self._batch:
            self.token.cancel()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_line_lists_shows_and_deletes_it(store: Store, call: Callable[..., Any]) -> None:
    quick = [*TRAIN, "--set", "training.epochs=2", "--note", "a first look", "--start-date", "2024-01-05"]
    trained = call(*quick)
    assert trained.keys() >= {"operation_id", "status", "model", "metrics", "warnings"}
    assert (trained["model"], trained["metrics"]["epochs"]) == ("killed/1h_v1", 2)
    again = call(*quick, "--set", "training.labels.zigzag_threshold=0.005")
    assert (again["model"], again["is_new"], again["result_hash"]) == ("killed/1h_v1", False, trained["result_hash"])
    name = trained["operation_id"]
    shown = call("operations", "show", name)
    assert (shown["type"], shown["title"], shown["note"]) == ("training", "killed EURUSD 1h", "a first look")
    assert shown["changes"] == {"training.epochs": {"run": 2, "file": 60}}
    assert shown["progress"]["epoch"] == 2 and shown["progress"]["validation_loss"] > 0
    assert set(shown["figures"]) == {"validation_loss", "test_accuracy"}
    both = call("backtest", "compare", name, again["operation_id"])
    assert both["differences"] == {} and both["metrics"]["test_loss"]["best"] == []
    assert call("operations", "delete", name)["deleted"] is True
    assert len(store.list()[0]) == 1
    several = call(*TRAIN[:2], "EURUSD,GBPUSD", *TRAIN[2:])
    assert several["error"]["code"] == "data_not_found" and "GBPUSD" in several["error"]["message"]
    for wrong, where in (("epochs=2", "training.epochs"), ("training.epoch=2", "did you mean epochs")):
        assert where in call(*TRAIN, "--set", wrong)["error"]["message"]
