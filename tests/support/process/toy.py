"""A kind of operation in one file: it adds numbers, slowly, and can be stopped and resumed after any of them.

The kinds of ktrdr need no more than this. A test registers it with one line in ``ktrdr.operations.KINDS``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ktrdr.errors import ArgumentInvalid, Cancelled, IdentityMismatch, SnapshotCorrupt
from ktrdr.operations.kind import Kind, Shown
from ktrdr.operations.models import Claim, Outcome, Segment
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Recorder
from ktrdr.operations.running.session import recorded

REGISTRATION = 'from ktrdr.operations import KINDS\nKINDS["toy"] = "support.process.toy:KIND"\n'
HOLD = 20
PAUSE_S = 0.01


@dataclass(frozen=True)
class Sum:
    """A request: the sum of the numbers 1 to ``count``.

    Args:
        name: shown to people; "changed" is a name that means another thing since the submission.
        count: last number.
        gate: a file; until it exists, the sum works on the number ``HOLD`` and gets no further.
    """

    name: str
    count: int
    gate: str | None = None


@dataclass(frozen=True)
class State:
    """The state after some numbers; also its own save point and its own opened snapshot."""

    request: Sum
    bar: int = 0
    total: int = 0

    def after_next(self) -> State:
        """Returns the state after one more number."""
        return State(self.request, self.bar + 1, self.total + self.bar + 1)

    @property
    def is_last(self) -> bool:
        return self.bar == self.request.count

    @property
    def is_current(self) -> bool:
        return True

    @property
    def lineage(self) -> bytes:
        return hashlib.sha256(self.snapshot()).digest()

    @property
    def identity_hash(self) -> bytes:
        return hashlib.sha256(json.dumps(vars(self.request)).encode()).digest()

    def snapshot(self) -> bytes:
        return json.dumps({"bar": self.bar, "total": self.total, "request": vars(self.request)}).encode()

    def identity(self) -> bytes:
        return self.identity_hash

    def segments(self) -> list[Segment]:
        return []

    def trial(self) -> None:
        return None


@dataclass(frozen=True)
class Opened:
    """A state read back from its snapshot."""

    state: State

    @property
    def identity(self) -> bytes:
        return self.state.identity_hash

    @property
    def bar(self) -> int:
        return self.state.bar

    @property
    def lineage(self) -> bytes:
        return self.state.lineage


class ToyKind(Kind):
    """The kind of sums as operations."""

    name = "toy"

    def parse(self, spec: Mapping[str, Any]) -> Sum:
        """Returns the request of a spec."""
        found = Sum(**spec)
        if found.count < 1:
            raise ArgumentInvalid("must be 1 or more", where="count", found=found.count)
        return found

    def unchanged(self, spec: Mapping[str, Any]) -> None:
        """Refuses the one name that has changed."""
        if spec["name"] == "changed":
            raise IdentityMismatch("the name means another sum now", where="changed", part="name")

    def shown(self, spec: Mapping[str, Any]) -> Shown:
        """Returns name and count."""
        return Shown(f"sum {spec['name']}", f"to {spec['count']}", {"name": spec["name"], "count": str(spec["count"])})

    def open_snapshot(self, snapshot: bytes) -> Opened:
        """Returns the state of a snapshot."""
        try:
            found = json.loads(snapshot)
            return Opened(State(Sum(**found["request"]), found["bar"], found["total"]))
        except (ValueError, KeyError, TypeError):
            raise SnapshotCorrupt("not the state of a sum") from None

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        """Adds the numbers that are left."""
        with recorded(claim, io) as recorder:
            state = State(self.parse(claim.operation.spec))
            if claim.saved is not None:
                assert isinstance(claim.saved.opened, Opened)
                state = claim.saved.opened.state
            result = self._outcome(self._add(state, recorder, io), claim)
            recorder.complete(result)
        return result

    def _add(self, state: State, recorder: Recorder, io: RunIO) -> State:
        while not state.is_last:
            time.sleep(PAUSE_S)
            while state.bar == HOLD and self._is_held(state, io):
                sum(range(1_000))  # the heartbeat beats for a process that works
            state = state.after_next()
            recorder.progress.report("toy", state.bar, state.request.count, {})
            stops = io.token.is_cancelled()
            recorder.reach(state, stops=stops)
            if stops:
                raise Cancelled("the sum was stopped", found=f"number {state.bar}")
        return state

    def _is_held(self, state: State, io: RunIO) -> bool:
        gate = state.request.gate
        return gate is not None and not io.token.is_cancelled() and not Path(gate).exists()

    def _outcome(self, state: State, claim: Claim) -> Outcome:
        identity = state.identity().hex()
        result_hash = "sha256:" + hashlib.sha256(f"{identity} {state.total}".encode()).hexdigest()
        return Outcome(result_hash, identity, {"total": state.total}, {"name": state.request.name}, claim.notices)


KIND = ToyKind()
