"""State of a design, assessment or cycle as one JSON object, with its snapshot encoding and decoding."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from ktrdr._types import Json
from ktrdr.errors import SnapshotCorrupt, SnapshotTooNew
from ktrdr.operations.models import Claim

FORMAT: Final = 1


@dataclass(frozen=True)
class JsonState:
    """A state between two steps; also its own opened snapshot.

    Args:
        identity: 32 bytes that stand for the request.
        bar: number of steps that are done.
        state: the results of those steps, by name.
    """

    identity: bytes
    bar: int
    state: Json

    @property
    def lineage(self) -> bytes:
        """Returns the hash of the snapshot."""
        return hashlib.sha256(self.encoded()).digest()

    def encoded(self) -> bytes:
        """Returns the state as bytes."""
        content = {"format": FORMAT, "identity": self.identity.hex(), "bar": self.bar, "state": dict(self.state)}
        return _json(content).encode()


def open_state(snapshot: bytes) -> JsonState:
    """Returns the state of a snapshot; raises ``SnapshotCorrupt`` or ``SnapshotTooNew``.

    >>> state = JsonState(bytes(32), 2, {"answers": ["a", "b"]})
    >>> open_state(state.encoded()) == state
    True
    """
    try:
        found = json.loads(snapshot)
        version = found["format"]
        state = JsonState(bytes.fromhex(found["identity"]), int(found["bar"]), dict(found["state"]))
    except (ValueError, KeyError, TypeError):
        raise SnapshotCorrupt("not the state of a part of a research") from None
    if version != FORMAT:
        raise SnapshotTooNew("written by a later version", found=version, expected=FORMAT)
    return state


def begun(claim: Claim) -> JsonState:
    """Returns the state that a claimed run begins with: that of its checkpoint, else an empty one."""
    if claim.saved is None:
        return JsonState(hash_of(claim.operation.spec), 0, {})
    assert isinstance(claim.saved.opened, JsonState)
    return claim.saved.opened


def hash_of(value: object) -> bytes:
    """Returns one hash for one JSON value, whatever the order of its keys.

    >>> hash_of({"a": 1, "b": 2}) == hash_of({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(_json(value).encode()).digest()


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
