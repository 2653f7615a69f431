"""The state of a part is read back as it was saved, and damage is found."""

from __future__ import annotations

import json

import pytest

from ktrdr.errors import SnapshotCorrupt, SnapshotTooNew
from ktrdr.research.job.state import FORMAT, JsonState, hash_of, open_state

STATE = JsonState(hash_of({"brief": "x"}), 2, {"answers": [{"text": "ü"}, {"text": "b"}]})


def test_a_state_survives_as_bytes() -> None:
    opened = open_state(STATE.encoded())
    assert opened == STATE
    assert (opened.identity, opened.bar) == (STATE.identity, 2)
    assert opened.lineage != open_state(JsonState(STATE.identity, 1, {}).encoded()).lineage


@pytest.mark.parametrize(
    "snapshot",
    [
        b"",
        b"{",
        b"[]",
        b'{"format":1}',
        STATE.encoded()[:-3],
        STATE.encoded().replace(b'"bar":2', b'"bar":"x"'),
        b"\xff",
    ],
)
def test_damage_is_found(snapshot: bytes) -> None:
    with pytest.raises(SnapshotCorrupt):
        open_state(snapshot)


def test_a_later_version_is_named() -> None:
    later = json.dumps({**json.loads(STATE.encoded()), "format": FORMAT + 1}).encode()
    with pytest.raises(SnapshotTooNew):
        open_state(later)
