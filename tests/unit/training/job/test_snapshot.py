"""Snapshots of trainings: what comes back, what damage is seen, and that a reader needs no torch."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ktrdr import _core
from ktrdr.errors import Cancelled, SnapshotCorrupt, SnapshotTooNew
from ktrdr.training.job.snapshot import MAGIC, VERSION, described, open_snapshot, seal
from ktrdr.training.run.state import TrainingState
from ktrdr.training.trainer import RunSettings, TrainingRows, TrainingTask, fit
from support.inputs.nets import strategy_of

PARTS = {"bars EURUSD 1h": "ab" * 32, "seed": "cd" * 32}
CPU = RunSettings(seed=5, device="cpu", threads=1)
FROZEN = Path(__file__).parent / "data" / "training_v1.snapshot"
"""The bytes of version 1, which every later version reads."""


def task(kind: str = "mlp", **training: Any) -> TrainingTask:
    section = {"epochs": 3, "batch_size": 40, "lr_scheduler": {"type": "reduce_on_plateau"}, **training}
    made = strategy_of(kind, training=section)
    random = np.random.default_rng(1)
    table = torch.from_numpy(random.normal(size=(120, 3)).astype(np.float32))

    def rows(first: int, stop: int) -> TrainingRows:
        target = torch.from_numpy(random.integers(0, 3, stop - first))
        return TrainingRows(torch.arange(first, stop), target, torch.ones(stop - first))

    return TrainingTask(made.model, 3, made.training, table, rows(4, 90), rows(90, 120))


def states(made: TrainingTask) -> list[TrainingState]:
    found: list[TrainingState] = []
    fit(made, CPU, on_pause=lambda pause, _: found.append(copy.deepcopy(pause.state())))
    return found


def assert_equal(one: object, two: object) -> None:
    if isinstance(one, torch.Tensor):
        assert isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    elif isinstance(one, Mapping) and isinstance(two, Mapping):
        assert one.keys() == two.keys()
        for name in one:
            assert_equal(one[name], two[name])
    else:
        assert one == two


@pytest.mark.parametrize("kind", ["mlp", "lstm"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_every_state_comes_back_whole(kind: str, optimizer: str) -> None:
    made = task(kind, optimizer=optimizer)
    for state in states(made):
        opened = open_snapshot(seal(state, PARTS))
        assert opened.bar == state.batches_done and opened.parts == PARTS
        back = opened.state()
        for field in fields(TrainingState):
            before = getattr(state, field.name)
            after = getattr(back, field.name)
            if field.name == "scheduler":
                before = {name: value for name, value in before.items() if value != math.inf}
            if field.name == "optimizer":
                before = {name: tensors for name, tensors in before.items() if tensors}
            assert_equal(before, after)


def test_a_run_continues_from_bytes() -> None:
    made = task("lstm")
    whole = fit(made, CPU).model.state_dict()
    for state in states(made):
        rest = fit(made, replace(CPU, seed=6), resume=open_snapshot(seal(state, PARTS)).state()).model.state_dict()
        assert_equal(dict(whole), dict(rest))


def test_the_identity_is_that_of_the_parts_and_each_snapshot_has_its_own_lineage() -> None:
    first, second = (open_snapshot(seal(state, PARTS)) for state in states(task())[:2])
    assert first.identity == second.identity != open_snapshot(seal(states(task())[0], {"seed": "cd" * 32})).identity
    assert first.lineage != second.lineage


def test_every_changed_or_missing_byte_is_seen() -> None:
    snapshot = seal(states(task())[4], PARTS)
    random = np.random.default_rng(3)
    places = {0, 8, 12, 20, 52, len(snapshot) - 1, *random.integers(0, len(snapshot), 200).tolist()}
    for place in places:
        changed = bytearray(snapshot)
        changed[place] ^= 1 << int(random.integers(8))
        with pytest.raises((SnapshotCorrupt, SnapshotTooNew)):
            open_snapshot(bytes(changed))
        with pytest.raises(SnapshotCorrupt):
            open_snapshot(snapshot[:place])
    for garbage in (b"", MAGIC, bytes(1_000), snapshot + b"\0"):
        with pytest.raises(SnapshotCorrupt):
            open_snapshot(garbage)


def sealed_by_hand(header: object, tensors: bytes = b"") -> bytes:
    """A snapshot with the right checksum, whatever is in it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    checksum = bytes(_core.content_hash([VERSION.to_bytes(4, "little"), text, tensors]))
    return MAGIC + VERSION.to_bytes(4, "little") + len(text).to_bytes(8, "little") + checksum + text + tensors


@pytest.mark.parametrize("change", ["batch", "parts", "history", "scheduler", "wrong hash", "not json", "no mapping"])
def test_a_header_that_ktrdr_would_not_write_is_refused(change: str) -> None:
    header = dict(open_snapshot(seal(states(task())[4], PARTS)).header)
    if change == "wrong hash":
        header["parts"] = {"seed": "abcd"}
    else:
        header.pop(change, None)
    text: object = {"not json": b"{", "no mapping": [1]}.get(change, header)
    with pytest.raises(SnapshotCorrupt):
        open_snapshot(sealed_by_hand(text))


def test_tensors_that_cannot_be_read_are_damage() -> None:
    header = open_snapshot(seal(states(task())[4], PARTS)).header
    for tensors in (b"", b"\x80\x02 a pickle", (2**40).to_bytes(8, "little") + b"{}"):
        with pytest.raises(SnapshotCorrupt):
            open_snapshot(sealed_by_hand(dict(header), tensors)).state()


def test_a_later_version_is_named_as_such() -> None:
    snapshot = bytearray(seal(states(task())[0], PARTS))
    snapshot[len(MAGIC)] = VERSION + 1
    with pytest.raises(SnapshotTooNew):
        open_snapshot(bytes(snapshot))


def test_the_bytes_of_version_1_are_still_read() -> None:
    opened = open_snapshot(FROZEN.read_bytes())
    assert opened.bar == 4 and opened.parts == PARTS and opened.header["epoch"] == 2
    state = opened.state()
    assert state.batch == 1 and len(state.history) == 1 and set(state.generators) == {"cpu", "order"}
    fit(task(), CPU, resume=state)


def test_its_content_is_described() -> None:
    content = described(FROZEN.read_bytes())
    assert (content["version"], content["batches_done"], content["parts"]) == (1, 4, PARTS)
    assert content["tensors"]["weights/0.weight"] == "F32 [8, 3]" == content["tensors"]["optimizer/0.weight/exp_avg"]
    json.dumps(content, allow_nan=False)
    header = dict(open_snapshot(FROZEN.read_bytes()).header)
    with pytest.raises(SnapshotCorrupt):
        described(sealed_by_hand(header, b"\2\0\0\0\0\0\0\0[]"))


def test_opening_needs_no_torch() -> None:
    code = f"""
import sys
from pathlib import Path
from ktrdr.operations.kind import kind_of
assert kind_of("training").open_snapshot(Path({str(FROZEN)!r}).read_bytes()).bar == 4
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cancelled_training_leaves_a_state_that_can_be_sealed() -> None:
    sealed: list[bytes] = []

    class Cancel:
        def is_cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        fit(
            task(),
            replace(CPU, cancellation_token=Cancel()),
            on_pause=lambda pause, stops: sealed.append(seal(pause.state(), PARTS)) if stops else None,
        )
    assert open_snapshot(sealed[0]).bar == 0
