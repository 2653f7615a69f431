"""Snapshots of trainings: a checksummed container around a JSON header and tensors in safetensors' format.

magic, version, length of the header, checksum     then the header     then the tensors

The checksum is BLAKE3 over all the rest. A snapshot is opened and verified without torch; only its tensors need it.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ktrdr import _core
from ktrdr.errors import ModelError, SnapshotCorrupt, SnapshotTooNew
from ktrdr.training.run.identity import TrainingIdentity

if TYPE_CHECKING:
    import torch

    from ktrdr.training.run.state import TrainingState

MAGIC: Final = b"KTRDRTRN"
VERSION: Final = 1
MAX_BYTES: Final = 512 << 20
"""Size of the largest snapshot that is saved: a database takes no value above 1 GB, and copies each several times."""
_LENGTH_BYTES = 8
_START = struct.Struct("<8sIQ32s")
_FIGURES = ("epoch", "batch", "batches_done", "lost", "weighed", "best_epoch", "learning_rate")


@dataclass(frozen=True)
class OpenedTraining:
    """A snapshot whose bytes are intact.

    Args:
        header: place, figures and history of the training, and the named hashes of its inputs.
        tensors: in safetensors' format.
        checksum: of the snapshot.
    """

    header: Mapping[str, Any]
    tensors: bytes
    checksum: bytes

    @property
    def parts(self) -> Mapping[str, str]:
        """Returns the hash of each input as hex, by name."""
        parts: Mapping[str, str] = self.header["parts"]
        return parts

    @property
    def identity(self) -> bytes:
        """Returns one hash over all inputs."""
        return bytes.fromhex(TrainingIdentity(self.parts).hash)

    @property
    def bar(self) -> int:
        """Returns the number of batches done."""
        return int(self.header["batches_done"])

    @property
    def lineage(self) -> bytes:
        """Returns the hash that names this snapshot."""
        return self.checksum

    def state(self) -> TrainingState:
        """Returns the state of the training; imports torch. Raises ``SnapshotCorrupt``."""
        return _state(self)


def seal(state: TrainingState, parts: Mapping[str, str]) -> bytes:
    """Returns a state as a snapshot.

    Args:
        state: between two batches.
        parts: the hash of each input as hex, by name.
    """
    from safetensors.torch import save

    header = {
        **{name: getattr(state, name) for name in _FIGURES},
        "best_loss": state.best_loss if state.best_epoch else None,
        "scheduler": {name: value for name, value in state.scheduler.items() if _is_finite(value)},
        "history": list(state.history),
        "parts": dict(parts),
    }
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    tensors = save({name: tensor.contiguous().cpu() for name, tensor in _named(state).items()})
    return _START.pack(MAGIC, VERSION, len(text), _checksum(VERSION, text, tensors)) + text + tensors


def open_snapshot(snapshot: bytes) -> OpenedTraining:
    """Returns the snapshot, its bytes verified.

    Raises:
        SnapshotCorrupt: it is cut off, changed, or no snapshot of a training.
        SnapshotTooNew: a later version of ktrdr has written it.
    """
    if len(snapshot) < _START.size or not snapshot.startswith(MAGIC):
        raise SnapshotCorrupt("not a snapshot of a training", found=f"{len(snapshot)} bytes")
    _, version, length, checksum = _START.unpack_from(snapshot)
    if version > VERSION:
        raise SnapshotTooNew("a later version of ktrdr has written it", found=version, expected=f"up to {VERSION}")
    text = snapshot[_START.size : _START.size + length]
    tensors = snapshot[_START.size + length :]
    if len(text) != length or version != VERSION or checksum != _checksum(version, text, tensors):
        raise SnapshotCorrupt("the bytes are not those that were saved", found=f"{len(snapshot)} bytes")
    return OpenedTraining(_header(text), tensors, checksum)


def described(snapshot: bytes) -> dict[str, Any]:
    """Returns the content of a snapshot, JSON-ready: the header, and type and shape of each tensor."""
    opened = open_snapshot(snapshot)
    length = int.from_bytes(opened.tensors[:_LENGTH_BYTES], "little")
    try:
        table = json.loads(opened.tensors[_LENGTH_BYTES : _LENGTH_BYTES + length])
        tensors = {name: f"{entry['dtype']} {entry['shape']}" for name, entry in sorted(table.items())}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SnapshotCorrupt("its tensors cannot be read") from None
    return {"version": VERSION, "identity": opened.identity.hex(), **opened.header, "tensors": tensors}


def _header(text: bytes) -> Mapping[str, Any]:
    """Returns the header; a checksum says that the bytes are those written, not that ktrdr wrote them."""
    try:
        header = json.loads(text)
        numbers = all(isinstance(header[name], int | float) for name in _FIGURES)
        hashes = header["parts"].values()
        sound = numbers and all(len(bytes.fromhex(value)) == len(_checksum(VERSION, b"", b"")) for value in hashes)
        sound = sound and isinstance(header["history"], list) and isinstance(header["scheduler"], dict)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise SnapshotCorrupt("not the header of a training")
    return dict(header)


def _state(opened: OpenedTraining) -> TrainingState:
    from ktrdr.neural.weights import parse_safetensors
    from ktrdr.training.run.state import TrainingState

    header = opened.header
    try:
        named = parse_safetensors(opened.tensors, "snapshot")
    except ModelError as error:
        raise SnapshotCorrupt(f"its tensors cannot be read: {error.what}") from None
    groups: dict[str, dict[str, torch.Tensor]] = {"weights": {}, "best": {}, "generators": {}}
    optimizer: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in named.items():
        group, _, rest = name.partition("/")
        parameter, _, key = rest.partition("/")
        into = optimizer.setdefault(parameter, {}) if group == "optimizer" else groups.setdefault(group, {})
        into[key if group == "optimizer" else rest] = tensor
    loss = header["best_loss"]
    return TrainingState(
        **{name: header[name] for name in _FIGURES},
        best_loss=math.inf if loss is None else loss,
        scheduler=header["scheduler"],
        history=tuple(header["history"]),
        weights=groups["weights"],
        best=groups["best"],
        optimizer=optimizer,
        generators=groups["generators"],
    )


def _named(state: TrainingState) -> dict[str, torch.Tensor]:
    """Returns every tensor of a state under one name."""
    # two names of one tensor are refused by safetensors; before the first batch of an epoch two generators are one
    generators = {name: tensor.clone() for name, tensor in state.generators.items()}
    groups = {"weights": state.weights, "best": state.best, "generators": generators}
    groups |= {f"optimizer/{name}": tensors for name, tensors in state.optimizer.items()}
    return {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}


def size_of(state: TrainingState) -> int:
    """Returns the bytes that the tensors of a state take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _named(state).values())


def _checksum(version: int, text: bytes, tensors: bytes) -> bytes:
    return bytes(_core.content_hash([version.to_bytes(4, "little"), text, tensors]))


def _is_finite(value: object) -> bool:
    """Returns False for the infinity that a new scheduler compares with: it has it by itself."""
    return not isinstance(value, float) or math.isfinite(value)
