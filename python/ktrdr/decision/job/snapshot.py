"""Snapshots of a paper run: a checksummed JSON header. Bars and actions lie beside it, as segments of tables.

The account is a function of bars and actions, so a snapshot holds no state of the core.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ktrdr import _core
from ktrdr.errors import SnapshotCorrupt, SnapshotTooNew

VERSION = 1
_HASH_BYTES = 32


@dataclass(frozen=True)
class PaperState:
    """A paper run between two bars.

    Args:
        bar: bars taken so far: while it waits those of the feed, then those from the anchor on.
        parts: the hash of each input as hex, by name.
        rows: rows of each table that belong to this state.
        lead_rows: stored base rows before the anchor.
        start_row: first row that may be traded; None while the warm-up is not done.
        first_simulated: where the simulation begins.
        equity: at the last mark, account currency.
        amended: actions that an override has changed after they were stored, by row: signal, confidence, forced.
        day: of the daily loss stop: day, equity, stopped.
        killed: the reason of the kill switch, once it has stopped trading.
        overrides: number of decisions that a rule of risk has changed.
        synthetic: whether the history is made up.
    """

    bar: int
    parts: Mapping[str, str]
    rows: Mapping[str, int]
    lead_rows: int = 0
    start_row: int | None = None
    first_simulated: int | None = None
    equity: float = 0.0
    amended: Mapping[str, tuple[int, float | None, bool]] = field(default_factory=dict)
    day: Mapping[str, Any] = field(default_factory=dict)
    killed: str | None = None
    overrides: int = 0
    synthetic: bool = False

    @property
    def identity(self) -> bytes:
        """Returns one hash over the inputs that are known before the first bar."""
        return _core.identity([(name, bytes.fromhex(value)) for name, value in self.parts.items()])

    @property
    def lineage(self) -> bytes:
        """Returns the hash that names this snapshot."""
        return bytes(_core.content_hash([self.seal()]))

    def seal(self) -> bytes:
        """Returns the state as bytes: the hash of a header, then the header."""
        header = {"kind": "paper", "version": VERSION, **asdict(self)}
        text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
        return bytes(_core.content_hash([text])) + text

    @classmethod
    def read(cls, snapshot: bytes) -> PaperState:
        """Returns the state of a snapshot; raises ``SnapshotCorrupt``, ``SnapshotTooNew``."""
        content = header_of(snapshot)
        names = set(cls.__dataclass_fields__)
        try:
            state = cls(**{name: value for name, value in content.items() if name in names})
            hashes = [bytes.fromhex(value) for value in state.parts.values()]
        except (TypeError, ValueError, AttributeError):
            raise SnapshotCorrupt("not the header of a paper run") from None
        if any(len(value) != _HASH_BYTES for value in hashes):
            raise SnapshotCorrupt("not the header of a paper run")
        return state


def header_of(snapshot: bytes) -> dict[str, Any]:
    """Returns the header of a snapshot as data; raises ``SnapshotCorrupt``, ``SnapshotTooNew``."""
    text = snapshot[_HASH_BYTES:]
    if bytes(_core.content_hash([text])) != snapshot[:_HASH_BYTES]:
        raise SnapshotCorrupt("the bytes are not those that were saved", found=f"{len(snapshot)} bytes")
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("kind") != "paper":
        raise SnapshotCorrupt("not a snapshot of a paper run", found=f"{len(snapshot)} bytes")
    if content["version"] > VERSION:
        found = content["version"]
        expected = f"up to {VERSION}"
        raise SnapshotTooNew("a later version of ktrdr has written it", found=found, expected=expected)
    return content
