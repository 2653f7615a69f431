"""A kind of operation that is nothing but its parts: several sums of `toy`, one after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ktrdr.errors import SnapshotCorrupt
from ktrdr.operations.kind import Kind, Shown
from ktrdr.operations.models import Claim, OpenedSnapshot, Outcome
from ktrdr.operations.running.children import parent_of
from ktrdr.operations.running.io import RunIO

REGISTRATION = """
from ktrdr.operations import KINDS
KINDS["toy"] = "support.process.toy:KIND"
KINDS["family"] = "support.runs.toy_family:KIND"
"""


class FamilyKind(Kind):
    """Sums of sums; the spec has the request of each part by its stage."""

    name = "family"

    def parse(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the spec of the net."""
        return spec

    def shown(self, spec: Mapping[str, Any]) -> Shown:
        """Returns the names of the stages."""
        return Shown(f"family of {' '.join(stages(spec))}")

    def open_snapshot(self, snapshot: bytes) -> OpenedSnapshot:
        """Refuses every snapshot: a family saves none, its parts do."""
        raise SnapshotCorrupt("a family has no snapshot")

    def run(self, claim: Claim, io: RunIO) -> Outcome:
        """Adds up the parts."""
        spec = claim.operation.spec
        with parent_of(claim, io, stages(spec)) as (recorder, parts):
            results = [parts.run(stage, "toy", spec["parts"][stage]) for stage in stages(spec)]
            result = outcome([result.summary["total"] for result in results])
            recorder.complete(result)
        return result


def stages(spec: Mapping[str, Any]) -> Sequence[str]:
    """Returns the stages in order; a stored mapping has lost its own."""
    return sorted(spec["parts"])


def outcome(totals: Sequence[int]) -> Outcome:
    """Returns the result of parts with these sums."""
    digest = hashlib.sha256(str(list(totals)).encode()).hexdigest()
    return Outcome(f"sha256:{digest}", digest, {"total": sum(totals)}, {}, ())


KIND = FamilyKind()
