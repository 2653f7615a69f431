"""The protocol between a parent, its part and the processes that run both, as a second small model.

`protocol` has one operation whole: snapshots, ledgers, unknown commits. Here the two rows matter, and what a change of
one does to the other. A state has both rows and two slots for processes; a step that breaks a promise carries a
complaint. Each rule can be weakened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model.protocol import CANCELLED, COMPLETED, FAILED, IDLE, MAX_CRASHES, PENDING, RUNNING
from model.search import story

ROWS = 2
"""Rows of the part; it is saved before the second."""
OWNS = "owns"
WORKS = "works"
DONE = "done"
DISTURBANCES = frozenset({
    "lapse", "lapse the part", "kill", "crash", "request cancel", "resume", "restart",
})  # fmt: skip
_RESTING = (CANCELLED, FAILED)


@dataclass(frozen=True)
class Rules:
    """The rules of a family; a test weakens one at a time."""

    claim_asks_parent_epoch: bool = True
    claim_asks_parent_status: bool = True
    claim_ignores_part_lease: bool = True
    claim_raises_part_epoch: bool = True
    claim_keeps_completed: bool = True
    adopt_keeps_a_part: bool = True
    one_part_for_a_stage: bool = True
    restart_deletes_parts: bool = True
    cancel_ends_parts: bool = True
    crash_counts_for_part: bool = True
    crash_takes_the_lesser_count: bool = True


class Row(NamedTuple):
    """The row of the parent, or of its part; ``term`` and ``life`` are the judge's, no rule reads them.

    ``term`` is the process that took it last, 0 after a change by anybody else.
    ``life`` counts the restarts; a part of another life is another row.
    """

    status: str = PENDING
    epoch: int = 0
    owner: int = 0
    leased: bool = False
    cancel: bool = False
    crashes: int = 0
    bar: int = 0
    ledger: tuple[int, ...] = ()
    term: int = 0
    life: int = 0


class Process(NamedTuple):
    """A slot: nobody, an owner of the parent, of both, or one that has seen the part completed."""

    phase: str = IDLE
    term: int = 0
    epoch: int = 0
    part_life: int = 0
    part_epoch: int = 0
    bar: int = 0


class State(NamedTuple):
    """Everything; the slots are sorted. ``since`` counts the crashes since the part's last progress, for the judge."""

    parent: Row = Row()
    part: Row | None = None
    processes: tuple[Process, ...] = (Process(), Process())
    terms: int = 0
    asked_epoch: int = -1
    crashed_epochs: tuple[int, ...] = ()
    since: int = 0
    results: int = 0


class Step(NamedTuple):
    """An event of the process of a term, with its outcome; ``epoch`` of a forced cancel and of a reported crash."""

    name: str
    term: int = 0
    outcome: str = ""
    epoch: int = 0


Next = tuple[Step, State, str]
"""A step, the state after it, and what is wrong with it (empty: nothing)."""


def interrupted(row: Row) -> bool:
    """Returns True if nobody extends the lease of a running row."""
    return row.status == RUNNING and not row.leased


def steps(state: State, rules: Rules) -> Iterator[Next]:
    """Yields every step that may come next."""
    yield from _anyone(state, rules)
    for slot, process in enumerate(state.processes):
        if slot and process == state.processes[0]:
            continue
        if process.phase == IDLE:
            yield from _claim(state, slot, rules)
            continue
        yield Step("kill", process.term), _with(state, slot, Process()), ""
        reported = tuple(sorted((*state.crashed_epochs, process.epoch)))
        yield Step("crash", process.term), _with(state, slot, Process())._replace(crashed_epochs=reported), ""
        if process.phase == OWNS:
            yield _claim_part(state, slot, rules)
            yield _adopt_part(state, slot, rules)
        elif process.phase == WORKS:
            yield _write_part(state, slot)
        else:
            yield _complete(state, slot)


def _with(state: State, slot: int, process: Process) -> State:
    return state._replace(processes=tuple(sorted((process, state.processes[1 - slot]))))


def _changed(row: Row, **values: object) -> Row:
    return row._replace(epoch=row.epoch + 1, term=0, **values)


def _anyone(state: State, rules: Rules) -> Iterator[Next]:
    parent = state.parent
    part = state.part
    if parent.status == RUNNING and parent.leased:
        yield Step("lapse"), state._replace(parent=parent._replace(leased=False)), ""
    if part is not None and part.status == RUNNING and part.leased:
        yield Step("lapse the part"), state._replace(part=part._replace(leased=False)), ""
    if parent.status in (PENDING, RUNNING) and not parent.cancel:
        yield _request_cancel(state, rules)
    if state.asked_epoch >= 0:
        yield _force_cancel(state, rules)
    if parent.status in _RESTING or interrupted(parent):
        yield from _again(state, rules)
    for epoch in state.crashed_epochs:
        yield _report_crash(state, epoch, rules)


def _cancelled(row: Row) -> Row:
    return _changed(row, status=CANCELLED, leased=False)


def _asked(row: Row) -> Row:
    if row.status == PENDING or interrupted(row):
        return _cancelled(row)
    return row._replace(cancel=True) if row.status == RUNNING else row


def _request_cancel(state: State, rules: Rules) -> Next:
    asked = state.parent.epoch if state.parent.status == RUNNING and state.parent.leased else state.asked_epoch
    part = state.part if state.part is None or not rules.cancel_ends_parts else _asked(state.part)
    return Step("request cancel"), state._replace(parent=_asked(state.parent), part=part, asked_epoch=asked), ""


def _force_cancel(state: State, rules: Rules) -> Next:
    step = Step("force cancel", epoch=state.asked_epoch)
    after = state._replace(asked_epoch=-1)
    if state.parent.status != RUNNING or state.parent.epoch != state.asked_epoch:
        return step, after, ""
    ended = after._replace(parent=_cancelled(state.parent), part=_ended(state.part, rules))
    return step, ended, ""


def _ended(part: Row | None, rules: Rules) -> Row | None:
    """Returns the part of a parent that has just been cancelled, or has crashed too often."""
    over = part is None or part.status not in (PENDING, RUNNING) or not rules.cancel_ends_parts
    return part if part is None or over else _cancelled(part)


def _again(state: State, rules: Rules) -> Iterator[Next]:
    fresh = {"status": PENDING, "owner": 0, "leased": False, "cancel": False, "crashes": 0}
    part = state.part
    if part is not None and (part.status in _RESTING or interrupted(part)):
        part = _changed(part, **fresh)
    parent = _changed(state.parent, **fresh)
    yield Step("resume"), state._replace(parent=parent, part=part, since=0), ""
    kept = None if rules.restart_deletes_parts else part
    yield Step("restart"), state._replace(parent=parent._replace(life=parent.life + 1), part=kept, since=0), ""


def _report_crash(state: State, epoch: int, rules: Rules) -> Next:
    rest = list(state.crashed_epochs)
    rest.remove(epoch)
    step = Step("report crash", epoch=epoch)
    after = state._replace(crashed_epochs=tuple(rest))
    parent = state.parent
    part = state.part
    if parent.epoch != epoch or parent.status != RUNNING:
        return step, after, ""
    # A save resets the count of the row that made it, so the lesser of both counts is the true one.
    crashes = parent.crashes + 1
    if part is not None and rules.crash_takes_the_lesser_count:
        crashes = min(parent.crashes, part.crashes) + 1
    if part is not None and part.status == RUNNING and part.owner == parent.owner:
        part = _changed(part, owner=0, leased=False)
    if part is not None and rules.crash_counts_for_part:
        part = part._replace(crashes=crashes)
    status = CANCELLED if parent.cancel else FAILED if crashes >= MAX_CRASHES else RUNNING
    part = part if status == RUNNING else _ended(part, rules)
    parent = _changed(parent, status=status, owner=0, leased=False, crashes=crashes)
    since = state.since + 1
    early = status == FAILED and since < MAX_CRASHES
    late = status == RUNNING and since >= MAX_CRASHES
    wrong = f"poisoned after {since} crashes since the last progress" if early else ""
    wrong = f"not poisoned after {since} crashes without progress" if late else wrong
    return step, after._replace(parent=parent, part=part, since=since), wrong


def _claim(state: State, slot: int, rules: Rules) -> Iterator[Next]:
    parent = state.parent
    if parent.status != PENDING and not interrupted(parent):
        return
    term = state.terms + 1
    taken = state._replace(terms=term)
    if parent.cancel:
        ended = taken._replace(parent=_cancelled(_changed(parent)), part=_ended(state.part, rules))
        yield Step("claim", term, "cancelled"), ended, ""
        return
    row = _changed(parent, status=RUNNING, owner=term, leased=True)._replace(term=term)
    yield Step("claim", term, "runs"), _with(taken._replace(parent=row), slot, Process(OWNS, term, row.epoch)), ""


def _claim_part(state: State, slot: int, rules: Rules) -> Next:
    process = state.processes[slot]
    parent = state.parent
    part = state.part
    same_epoch = parent.epoch == process.epoch or not rules.claim_asks_parent_epoch
    runs = parent.status == RUNNING or not rules.claim_asks_parent_status
    held = part is not None and part.status == RUNNING and part.leased and not rules.claim_ignores_part_lease
    if not same_epoch or not runs or held:
        return _lost(state, slot, Step("claim the part", process.term), parent)
    wrong = "" if parent.term == process.term else "took a part from the owner of its parent"
    parent = parent._replace(leased=True)
    since = state.since
    if part is None or not rules.one_part_for_a_stage:
        part = Row(life=parent.life)
        since = 0
    if part.status == COMPLETED and rules.claim_keeps_completed:
        done = process._replace(phase=DONE)
        return Step("claim the part", process.term, "done"), _with(state._replace(parent=parent), slot, done), wrong
    taken = {"status": RUNNING, "owner": process.term, "leased": True, "cancel": False}
    part = part._replace(epoch=part.epoch + rules.claim_raises_part_epoch, term=process.term, **taken)
    working = process._replace(phase=WORKS, part_life=part.life, part_epoch=part.epoch, bar=part.bar)
    after = _with(state._replace(parent=parent, part=part, since=since), slot, working)
    return Step("claim the part", process.term, "runs"), after, wrong


def _adopt_part(state: State, slot: int, rules: Rules) -> Next:
    """A part that a cluster has computed whole, stored by the owner of the parent; one that has begun here stays."""
    process = state.processes[slot]
    parent = state.parent
    part = state.part
    step = Step("adopt the part", process.term)
    same_epoch = parent.epoch == process.epoch or not rules.claim_asks_parent_epoch
    if not same_epoch or (parent.status != RUNNING and rules.claim_asks_parent_status):
        return _lost(state, slot, step, parent)
    wrong = "" if parent.term == process.term else "took a part from the owner of its parent"
    after = state._replace(parent=parent._replace(leased=True))
    if part is not None and rules.adopt_keeps_a_part:
        return step._replace(outcome="begun"), after, wrong
    part = Row(COMPLETED, epoch=1, owner=process.term, bar=ROWS, ledger=tuple(range(ROWS)), term=process.term)
    after = after._replace(part=part._replace(life=parent.life), results=state.results + 1, since=0)
    return step._replace(outcome="done"), _with(after, slot, process._replace(phase=DONE)), wrong


def _write_part(state: State, slot: int) -> Next:
    """The save before the second row, then the part's completion."""
    process = state.processes[slot]
    part = state.part
    completes = process.bar + 1 == ROWS
    step = Step("complete the part" if completes else "save the part", process.term)
    mine = (process.part_life, process.part_epoch, process.bar, RUNNING)
    fenced = part is not None and (part.life, part.epoch, part.bar, part.status) == mine
    if part is None or not fenced:
        return _lost(state, slot, step, part)
    wrong = "" if part.term == process.term else "a fenced-out worker wrote the part"
    bar = process.bar + 1
    part = part._replace(bar=bar, ledger=(*part.ledger, process.bar))
    if completes:
        part = part._replace(status=COMPLETED, leased=False, crashes=0)
        done = _with(state._replace(part=part, results=state.results + 1, since=0), slot, process._replace(phase=DONE))
        return step._replace(outcome="done"), done, wrong
    part = part._replace(leased=True, crashes=0)
    after = process._replace(bar=bar)
    return step._replace(outcome="done"), _with(state._replace(part=part, since=0), slot, after), wrong


def _complete(state: State, slot: int) -> Next:
    process = state.processes[slot]
    parent = state.parent
    step = Step("complete", process.term)
    if parent.epoch != process.epoch or parent.status != RUNNING:
        return _lost(state, slot, step, parent)
    wrong = "" if parent.term == process.term else "a fenced-out worker completed the parent"
    row = parent._replace(status=COMPLETED, leased=False, crashes=0)
    return step._replace(outcome="done"), _with(state._replace(parent=row), slot, Process()), wrong


def _lost(state: State, slot: int, step: Step, row: Row | None) -> Next:
    mine = row is not None and row.term == state.processes[slot].term
    wrong = "a worker stopped though the operation is its own" if mine else ""
    return step._replace(outcome="lost"), _with(state, slot, Process()), wrong


def broken(state: State, step: Step, after: State) -> str:
    """Returns the promise that a step breaks, whoever took it.

    A request alone may leave a part whose owner still has its lease: it asks that one to stop.
    """
    old = state.part
    new = after.part
    parent = after.parent
    if state.parent.status == COMPLETED and parent != state.parent:
        return "a completed parent was changed"
    kept = None if old is None or new is None else new._replace(crashes=old.crashes)
    if old is not None and old.status == COMPLETED and kept is not None and kept != old:
        return "a completed part was changed"
    if new is not None and new.ledger != tuple(range(len(new.ledger))):
        return f"the part's ledger holds the rows {new.ledger}"
    if parent.status == COMPLETED and (new is None or new.status != COMPLETED):
        return "a parent completed before its part"
    if parent.status == COMPLETED and new is not None and new.life != parent.life:
        return "the result rests on a part from before a restart"
    if parent.status in _RESTING and new is not None and new.status == PENDING:
        return f"a part waits below a {parent.status} parent"
    ends = parent.status in _RESTING and parent.status != state.parent.status and step.name != "request cancel"
    if ends and new is not None and new.status in (PENDING, RUNNING):
        return f"a {parent.status} parent's part still runs"
    return ""


def towards_the_end(state: State) -> Next | None:
    """Returns the most helpful step of undisturbed processes, and of a user who resumes; None after the end."""
    wanted = ("complete", "complete the part", "save the part", "claim the part", "resume", "claim", "lapse")
    found = {step.name: (step, after, wrong) for step, after, wrong in steps(state, Rules())}
    return None if state.parent.status == COMPLETED else next((found[name] for name in wanted if name in found), None)


def search(rules: Rules, disturbances: int) -> tuple[int, str]:
    """Returns the number of states, and the shortest history that breaks a promise, or nothing.

    Breadth first, histories with fewer disturbances before those with more.
    """
    before: dict[State, tuple[State, Step] | None] = {State(): None}
    layer = [State()]
    for left in range(disturbances, -1, -1):
        following: list[State] = []
        for state in layer:  # grows on the way: steps that are no disturbance stay in the layer
            for step, after, wrong in steps(state, rules):
                if step.name in DISTURBANCES and not left:
                    continue
                problem = wrong or broken(state, step, after)
                if problem:
                    return len(before), story(before, state, problem, step)
                if after not in before:
                    before[after] = (state, step)
                    (following if step.name in DISTURBANCES else layer).append(after)
        layer = following
    return len(before), ""
