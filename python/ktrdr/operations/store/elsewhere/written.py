"""Parts that were computed elsewhere as bytes, for the row of a shared unit: one JSON object, then its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, Final

from ktrdr._types import Json
from ktrdr.operations.models import Capability, Outcome, Segment, Trial
from ktrdr.operations.store.elsewhere.adoption import FinishedPart
from ktrdr.operations.store.proof.columns import mapping, to_json, whole, words

_LENGTH_BYTES: Final = 8
_FAULTS = (ValueError, TypeError, KeyError, AttributeError, RecursionError, StopIteration)


def encoded(parts: Sequence[FinishedPart]) -> bytes:
    """Returns parts as bytes; `decoded` reads them back."""
    tables = [table for part in parts for table in _tables(part)]
    head = to_json({"parts": [_facts(part) for part in parts], "lengths": [len(table) for table in tables]}).encode()
    return b"".join([len(head).to_bytes(_LENGTH_BYTES, "little"), head, *tables])


def decoded(data: bytes) -> list[FinishedPart]:
    """Returns the parts that bytes hold; raises ``ValueError`` for others."""
    try:
        stop = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
        head = mapping(data[_LENGTH_BYTES:stop].decode())
        tables = _split(data, stop, [whole(length) for length in head["lengths"]])
        return [_part(facts, tables) for facts in head["parts"]]
    except _FAULTS as error:
        raise ValueError("no parts of an operation") from error


def _tables(part: FinishedPart) -> Iterator[bytes]:
    yield from (segment.data for segment in part.segments)
    if part.trial is not None and part.trial.rows is not None:
        yield part.trial.rows


def _facts(part: FinishedPart) -> Json:
    outcome = asdict(part.outcome)
    trial = None if part.trial is None else {**asdict(part.trial), "rows": part.trial.rows is not None}
    return {
        "id": part.id,
        "stage": part.stage,
        "kind": part.kind,
        "spec": part.spec,
        "threads": part.threads,
        "model_id": part.model_id,
        "profile": part.capability.profile,
        "semantics": part.capability.semantics,
        "progress": part.progress,
        "segments": [(one.kind, one.seq_from, one.seq_to) for one in part.segments],
        "outcome": outcome,
        "trial": trial,
    }


def _split(data: bytes, start: int, lengths: Sequence[int]) -> Iterator[bytes]:
    """Returns the tables after the head; raises ``ValueError`` unless they are all that is left."""
    if start + sum(lengths) != len(data):
        raise ValueError(len(data))
    ends = [start]
    for length in lengths:
        ends.append(ends[-1] + length)
    return iter([data[first:stop] for first, stop in pairwise(ends)])


def _part(facts: dict[str, Any], tables: Iterator[bytes]) -> FinishedPart:
    outcome = facts["outcome"]
    trial = facts["trial"]
    return FinishedPart(
        words(facts["id"]),
        words(facts["stage"]),
        words(facts["kind"]),
        facts["spec"],
        whole(facts["threads"]),
        facts["model_id"],
        Capability(facts["profile"], facts["semantics"]),
        facts["progress"],
        [Segment(kind, first, stop, next(tables)) for kind, first, stop in facts["segments"]],
        Outcome(**{**outcome, "warnings": tuple(outcome["warnings"])}),
        None if trial is None else Trial(**{**trial, "rows": next(tables) if trial["rows"] else None}),
    )
