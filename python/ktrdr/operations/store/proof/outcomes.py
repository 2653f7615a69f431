"""Results and trials as rows: written with their seals, and read only where those still fit."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, or_, select

from ktrdr._types import Json
from ktrdr.errors import ResultDamaged
from ktrdr.operations.models import LoggedTrial, Outcome, Trial
from ktrdr.operations.store.proof.columns import (
    LONGEST_REMEMBERED,
    REMEMBERED,
    from_json,
    mapping,
    to_json,
    whole,
    words,
)
from ktrdr.operations.store.proof.seals import ledger_heads, result_seal, summary_seal, trial_place, trial_seal
from ktrdr.operations.store.tables import as_stored, ledger_segments, results, trials

_TRIAL = ("operation_id", "kind", "identity", "symbol", "timeframe", "from_ns", "until_ns", "facts")
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


def outcome_row(connection: Connection, operation_id: str, outcome: Outcome) -> dict[str, Any]:
    """Returns the row of a result, sealed together with the heads of the ledger that is stored by now."""
    summary = to_json(outcome.summary)
    manifest = to_json(outcome.manifest)
    warnings = to_json(outcome.warnings)
    ledger = to_json(heads_of(connection, operation_id))
    figures = summary_seal(operation_id, outcome.result_hash, outcome.identity, summary)
    return {
        "operation_id": operation_id,
        "result_hash": outcome.result_hash,
        "identity": outcome.identity,
        "summary": summary,
        "manifest": manifest,
        "warnings": warnings,
        "ledger": ledger,
        "summary_seal": figures,
        "seal": result_seal(figures, manifest, warnings, ledger),
    }


def heads_of(connection: Connection, operation_id: str, kind: str | None = None) -> dict[str, list[int | str]]:
    """Returns the heads of the stored ledger of an operation, of one table or of all."""
    of = ledger_segments.c
    mine = [of.operation_id == operation_id, *([] if kind is None else [of.kind == kind])]
    columns = as_stored([of.kind, of.seq_from, of.seq_to, of.hash])
    rows = connection.execute(select(*columns).where(*mine).order_by(of.kind, of.seq_from))
    return ledger_heads(tuple(row) for row in rows)


def select_results() -> Select[Any]:
    """Selects every column of results as it is stored."""
    return select(*as_stored(results.c))


def read_outcome(row: Row[Any]) -> Outcome:
    """Returns the result of a row; raises ``ResultDamaged`` if it is not what was written."""
    summary = read_summary(row)
    try:
        warnings = from_json(row.warnings)
        if row.seal != result_seal(row.summary_seal, words(row.manifest), words(row.warnings), words(row.ledger)):
            raise ValueError(row.operation_id)
        return Outcome(row.result_hash, row.identity, summary, mapping(row.manifest), tuple(warnings))
    except _UNREADABLE:
        raise damaged(row.operation_id, "manifest, warnings or ledger") from None


def read_summary(row: Row[Any]) -> Json:
    """Returns the figures of a result's row; raises ``ResultDamaged`` if they are not those that were written."""
    short = isinstance(row.summary, str) and len(row.summary) <= LONGEST_REMEMBERED
    read = _remembered if short else _read_summary
    return read(row.operation_id, row.result_hash, row.identity, row.summary, row.summary_seal)


def _read_summary(operation_id: str, result_hash: str, identity: str, summary: str, seal: bytes) -> Json:
    try:
        if seal == summary_seal(words(operation_id), words(result_hash), words(identity), words(summary)):
            return mapping(summary)
    except _UNREADABLE:
        pass
    raise damaged(operation_id, "figures or hash")


_remembered = lru_cache(REMEMBERED, typed=True)(_read_summary)
"""Finds figures by everything that their seal is made of, so that no change of the database stays unseen."""


def check_ledger(connection: Connection, operation_id: str, kind: str) -> None:
    """Passes if a table of a completed operation has every row that its result was sealed with."""
    row = connection.execute(select_results().where(results.c.operation_id == operation_id)).one_or_none()
    if row is None:
        return
    read_outcome(row)
    try:
        if heads_of(connection, operation_id, kind).get(kind) == from_json(row.ledger).get(kind):
            return
    except _UNREADABLE:
        pass
    raise damaged(operation_id, f"ledger {kind}")


def damaged(operation_id: str, part: str) -> ResultDamaged:
    """Returns the error of a result that is not what was written."""
    return ResultDamaged(
        "its result in the database is damaged",
        operation=operation_id,
        found=part,
        hint=f"`ktrdr verify result {operation_id}` says more; run it again",
    )


def trial_row(operation_id: str, kind: str, identity: str, trial: Trial) -> dict[str, Any]:
    """Returns the row of a trial, sealed."""
    facts = to_json(trial.facts)
    place = (trial.symbol, trial.timeframe, trial.from_ns, trial.until_ns)
    values = (operation_id, kind, identity, *place, facts)
    return dict(zip(_TRIAL, values, strict=True)) | {
        "rows": trial.rows,
        "place": trial_place(*place),
        "seal": trial_seal(*values, rows=trial.rows),
    }


def select_trials(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Selects the trials that are wanted, and those whose place was changed: they may be wanted as well."""
    of = trials.c
    place = of.symbol + " " + of.timeframe + " " + cast(of.from_ns, Text) + " " + cast(of.until_ns, Text)
    moved = or_(of.place.is_(None), of.place != place)
    return select(*as_stored(trials.c)).where(or_(and_(*wanted), moved)).order_by(of.seq)


def read_trial(row: Row[Any]) -> LoggedTrial:
    """Returns the trial of a row; one that is not what was written has no facts, and says so."""
    stored = dict(row._mapping)
    try:
        if row.seal == trial_seal(*(stored[name] for name in _TRIAL), rows=row.rows):
            place = (words(row.symbol), words(row.timeframe), whole(row.from_ns), whole(row.until_ns))
            return LoggedTrial(row.operation_id, row.kind, row.identity, Trial(*place, mapping(row.facts), row.rows))
    except _UNREADABLE:
        pass
    return LoggedTrial(str(row.operation_id), str(row.kind), str(row.identity), Trial("", "", 0, 0, {}), damaged=True)
