"""The protocol between workers, users and the store, as a model small enough to be searched whole.

A state is one operation's rows, two slots for worker processes and what others remember of it. ``steps`` gives every
state that may follow; a step that breaks the protocol's promise carries a complaint. Each rule can be weakened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

PENDING = "pending"
RUNNING = "running"
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"
IDLE = "idle"
LOOKED = "looked"
LOADS = "loads"
RUNS = "runs"
FROZEN = "frozen"
MAX_CRASHES = 3
GENERATIONS_KEPT = 2
ENDS = {"fail": FAILED, "stop": CANCELLED, "put back": PENDING}
DISTURBANCES = frozenset({
    "lapse", "kill", "crash", "freeze", "damage", "damage the ledger", "release", "fail", "put back",
    "request cancel", "resume", "restart", "resume here",
    "save, commit lost, done", "save, commit lost, not done", "save, killed half way",
    "complete, commit lost, done", "complete, commit lost, not done",
    "fail, commit lost, done", "fail, commit lost, not done",
    "stop, commit lost, done", "stop, commit lost, not done",
    "put back, commit lost, done", "put back, commit lost, not done",
})  # fmt: skip
"""The steps that a search counts; the others follow by themselves."""


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; a test weakens one at a time."""

    fence_asks_epoch: bool = True
    fence_asks_generation: bool = True
    fence_asks_status: bool = True
    fence_asks_lease_instead: bool = False
    claim_raises_epoch: bool = True
    claim_asks_epoch: bool = True
    claim_asks_status: bool = True
    claim_of_dead_asks_epoch: bool = True
    claim_sets_generation: bool = True
    claim_forgets_beyond: bool = True
    claim_reads_ledger: bool = True
    rewind_puts_aside: bool = True
    reads_back: bool = True
    read_back_asks_epoch: bool = True
    believes_unknown_commits: bool = False
    save_is_one_transaction: bool = True
    save_clears_crashes: bool = True
    resume_asks_for_rest: bool = True
    resume_clears_cancel: bool = True
    resume_clears_crashes: bool = True
    restart_keeps_epoch: bool = True
    cancel_raises_epoch: bool = True
    cancel_leaves_completed: bool = True
    force_cancel_asks_epoch: bool = True
    crash_asks_epoch: bool = True
    put_back_clears_owner: bool = True
    put_back_ends_lease: bool = True


@dataclass(frozen=True)
class Bounds:
    """Limits of a search.

    Args:
        rows: of the uninterrupted run; a save has room before each but the first.
        disturbances: how many there are in one history.
        split_claims: whether a worker finds an operation in one step and takes it in another.
        sees_death: whether workers share a host, where a dead owner counts as a lapsed lease.
    """

    rows: int = 2
    disturbances: int = 3
    split_claims: bool = True
    sees_death: bool = True


class Snapshot(NamedTuple):
    """A stored checkpoint: the run before row ``bar``."""

    generation: int
    bar: int
    good: bool


class Row(NamedTuple):
    """The operation's row in the database; ``term`` and ``true_crashes`` are the judge's, no rule reads them.

    ``owner`` is the term in which a process became its owner: a name nobody else ever has. ``torn`` is the generation
    whose ledger rows are damaged, 0 for none.
    """

    status: str = PENDING
    epoch: int = 0
    owner: int = 0
    leased: bool = False
    generation: int = 0
    cancel: bool = False
    crashes: int = 0
    snapshots: tuple[Snapshot, ...] = ()
    ledger: tuple[tuple[int, int], ...] = ()
    torn: int = 0
    results: tuple[tuple[int, ...], ...] = ()
    term: int = 0
    true_crashes: int = 0


class Process(NamedTuple):
    """A slot of a worker: nobody, somebody who has found the operation, or its run with the lease it believes in."""

    phase: str = IDLE
    term: int = 0
    epoch: int = 0
    generation: int = 0
    bar: int = 0
    unknown: str = ""
    target: int = 0
    saw_dead: bool = False
    saw_status: str = ""


class State(NamedTuple):
    """Everything; the two slots are sorted, since which is which makes no difference."""

    row: Row = Row()
    processes: tuple[Process, ...] = (Process(), Process())
    asked_epoch: int = -1
    crashed_epochs: tuple[int, ...] = ()


class Step(NamedTuple):
    """An event of the run that became owner in ``term``; ``bar`` of a save; ``outcome`` as the run hears it."""

    name: str
    term: int = 0
    bar: int = 0
    outcome: str = ""

    def __str__(self) -> str:
        of = f" of run {self.term}" if self.term else ""
        to = f" at bar {self.bar}" if self.bar else ""
        return f"{self.name}{of}{to}{': ' + self.outcome if self.outcome else ''}"


Next = tuple[Step, State, str]
"""A step, the state after it, and what is wrong with it (empty: nothing)."""


def owner_lives(state: State) -> bool:
    """Returns whether the last process to become owner is still there, frozen or not."""
    alive = (process.phase in (LOADS, RUNS, FROZEN) and process.term == state.row.owner for process in state.processes)
    return state.row.owner > 0 and any(alive)


def interrupted(state: State, bounds: Bounds) -> bool:
    """Returns whether a reader sees that nobody runs this running operation."""
    row = state.row
    if row.status != RUNNING:
        return False
    return not row.leased or row.owner == 0 or (bounds.sees_death and not owner_lives(state))


def is_held(state: State) -> bool:
    """Returns whether a living owner runs it within its lease: nobody may take it away unasked."""
    return state.row.status == RUNNING and state.row.leased and owner_lives(state)


def taken_away(row: Row, *, raises: bool = True, **values: object) -> Row:
    """A change by somebody who is not the owner."""
    return row._replace(epoch=row.epoch + raises, term=row.term + 1, **values)


def steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    """Every step that may come next."""
    yield from _anyone(state, rules, bounds)
    for slot, process in enumerate(state.processes):
        if slot and process == state.processes[0]:
            continue
        if process.phase == IDLE:
            yield from _idle(state, slot, rules, bounds)
        elif process.phase == LOOKED:
            yield from _take(state, slot, rules)
        elif process.phase == LOADS:
            yield _rewind(state, slot, rules)
            yield from _die(state, slot)
        elif process.phase == FROZEN:
            yield Step("thaw", process.term), _with(state, slot, process._replace(phase=RUNS)), ""
            yield from _die(state, slot)
        else:
            yield from _runs(state, slot, rules, bounds)


def _with(state: State, slot: int, process: Process, row: Row | None = None) -> State:
    both = (process, state.processes[1 - slot])
    return state._replace(processes=tuple(sorted(both)), row=state.row if row is None else row)


# anyone's changes


def _anyone(state: State, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    row = state.row
    if row.status == RUNNING and row.leased:
        yield Step("lapse"), state._replace(row=row._replace(leased=False)), ""
    if row.snapshots and row.snapshots[0].good:
        torn = (row.snapshots[0]._replace(good=False), *row.snapshots[1:])
        yield Step("damage"), state._replace(row=row._replace(snapshots=torn)), ""
    if row.ledger and row.status != COMPLETED and not row.torn and not owner_lives(state):
        # once a run has read it, the damage is for whoever reads the result
        yield Step("damage the ledger"), state._replace(row=row._replace(torn=row.ledger[-1][0])), ""
    yield from _cancel(state, rules, bounds)
    yield from _again(state, rules, bounds)
    for epoch in state.crashed_epochs:
        yield _count_crash(state, epoch, rules)


def _cancel(state: State, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    row = state.row
    ended = {"status": CANCELLED, "leased": False}
    is_idle = row.status == PENDING or interrupted(state, bounds)
    if is_idle or (row.status == COMPLETED and not rules.cancel_leaves_completed):
        after = taken_away(row, raises=rules.cancel_raises_epoch, **ended)
        yield Step("request cancel"), state._replace(row=after), ""
    elif row.status == RUNNING and not row.cancel:
        yield Step("request cancel"), state._replace(row=row._replace(cancel=True), asked_epoch=row.epoch), ""
    if state.asked_epoch >= 0:
        hits = row.status == RUNNING and (row.epoch == state.asked_epoch or not rules.force_cancel_asks_epoch)
        wrong = "" if row.cancel or not hits else "cancelled a run that nobody has asked to stop"
        after = taken_away(row, raises=rules.cancel_raises_epoch, **ended) if hits else row
        yield Step("force cancel", bar=state.asked_epoch), state._replace(row=after, asked_epoch=-1), wrong


def _fresh(row: Row, rules: Rules, **values: object) -> Row:
    crashes = 0 if rules.resume_clears_crashes else row.crashes
    cancel = row.cancel and not rules.resume_clears_cancel
    fresh = {"status": PENDING, "owner": 0, "leased": False, "cancel": cancel, "crashes": crashes, "true_crashes": 0}
    return taken_away(row, **(fresh | values))


def _again(state: State, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    row = state.row
    rests = row.status in (CANCELLED, FAILED) or interrupted(state, bounds)
    if not rests and (rules.resume_asks_for_rest or row.status != RUNNING):
        return
    wrong = "took a run away from its living owner" if is_held(state) else ""
    yield Step("resume"), state._replace(row=_fresh(row, rules)), wrong
    anew = _fresh(row, rules, generation=0, snapshots=(), ledger=(), torn=0)
    if not rules.restart_keeps_epoch:
        anew = anew._replace(epoch=0)
    yield Step("restart"), state._replace(row=anew), wrong


def _count_crash(state: State, epoch: int, rules: Rules) -> Next:
    row = state.row
    rest = list(state.crashed_epochs)
    rest.remove(epoch)
    after = row
    wrong = ""
    if row.status == RUNNING and (row.epoch == epoch or not rules.crash_asks_epoch):
        wrong = "took a run away from its living owner" if is_held(state) else ""
        crashes = row.crashes + 1
        true = row.true_crashes + 1
        ended = CANCELLED if row.cancel else FAILED if crashes >= MAX_CRASHES else RUNNING
        after = taken_away(row, status=ended, owner=0, leased=False, crashes=crashes, true_crashes=true)
    return Step("report crash", bar=epoch), state._replace(row=after, crashed_epochs=tuple(rest)), wrong


# claims


def _idle(state: State, slot: int, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    row = state.row
    if row.status == PENDING or interrupted(state, bounds):
        dead = bounds.sees_death and row.owner > 0 and not owner_lives(state)
        found = Process(LOOKED, epoch=row.epoch, saw_dead=dead, saw_status=row.status)
        looked = _with(state, slot, found)
        if bounds.split_claims:
            yield Step("look"), looked, ""
        else:
            for step, after, wrong in _take(looked, looked.processes.index(found), rules):
                yield step._replace(name="claim"), after, wrong
    if row.status in (CANCELLED, FAILED) or interrupted(state, bounds):
        fresh = _fresh(row, rules)._replace(epoch=row.epoch, term=row.term)
        yield _begin(state, slot, fresh, rules, "resume here", minds_cancel=False)


def _take(state: State, slot: int, rules: Rules) -> Iterator[Next]:
    row = state.row
    process = state.processes[slot]
    asks_epoch = rules.claim_of_dead_asks_epoch if process.saw_dead else rules.claim_asks_epoch
    free = process.saw_dead or row.status != RUNNING or not row.leased
    same = row.status == process.saw_status or (row.status != COMPLETED and not rules.claim_asks_status)
    if not free or not same or (asks_epoch and row.epoch != process.epoch):
        yield Step("take", outcome="taken by another"), _with(state, slot, Process()), ""
        return
    step, after, wrong = _begin(state, slot, row, rules, "take", minds_cancel=True)
    if is_held(state):
        wrong = "took a run away from its living owner"
    elif row.status in (CANCELLED, FAILED):
        wrong = f"took a {row.status} operation that nobody has resumed"
    yield step, after, wrong


def _begin(state: State, slot: int, row: Row, rules: Rules, name: str, *, minds_cancel: bool) -> Next:
    row = taken_away(row, raises=rules.claim_raises_epoch, status=RUNNING, leased=True)._replace(owner=row.term + 1)
    if row.cancel and minds_cancel:
        after = taken_away(row, status=CANCELLED, leased=False)
        return Step(name, row.term, outcome="cancelled"), _with(state, slot, Process(), after), ""
    return _load(state, slot, row, rules, Step(name, row.term))


def _load(state: State, slot: int, row: Row, rules: Rules, step: Step) -> Next:
    """Goes on at the newest good snapshot, with nothing beyond it; its ledger is read after that."""
    good = next((each for each in row.snapshots if each.good), None)
    if good is None and row.generation > 0:
        after = taken_away(row, status=FAILED, leased=False, snapshots=())
        return step._replace(outcome="unrecoverable"), _with(state, slot, Process(), after), ""
    generation, bar = (good.generation, good.bar) if good else (0, 0)
    kept = tuple(each for each in row.snapshots if each.generation <= generation)
    row = row._replace(snapshots=kept)
    if rules.claim_sets_generation:
        row = row._replace(generation=generation)
    if rules.claim_forgets_beyond:
        torn = row.torn if row.torn <= generation else 0
        row = row._replace(ledger=tuple(each for each in row.ledger if each[0] <= generation), torn=torn)
    phase = LOADS if row.torn and rules.claim_reads_ledger else RUNS
    run = Process(phase, row.term, row.epoch, generation, bar)
    return step._replace(outcome="runs"), _with(state, slot, run, row), ""


def _rewind(state: State, slot: int, rules: Rules) -> Next:
    """The ledger that was loaded is damaged: back to the snapshot before it, as a claim of one's own operation."""
    row = state.row
    run = state.processes[slot]
    step = Step("rewind", run.term)
    if not _fence(row, run, rules):
        return _lost(state, slot, step)
    again = taken_away(row, leased=True)._replace(owner=row.term + 1)
    if rules.rewind_puts_aside:
        again = again._replace(snapshots=tuple(each for each in row.snapshots if each.generation != run.generation))
    step, after, _ = _load(state, slot, again, rules, step)
    return step, after, _intruder(row, run)


# the owner's writes


def _fence(row: Row, run: Process, rules: Rules) -> bool:
    """Returns whether the first statement of a write changes a row."""
    epoch = row.epoch == run.epoch or not rules.fence_asks_epoch
    if rules.fence_asks_lease_instead:
        epoch = row.leased
    generation = row.generation == run.generation or not rules.fence_asks_generation
    return epoch and generation and (row.status == RUNNING or not rules.fence_asks_status)


def _runs(state: State, slot: int, rules: Rules, bounds: Bounds) -> Iterator[Next]:
    run = state.processes[slot]
    yield from _die(state, slot)
    yield Step("freeze", run.term), _with(state, slot, run._replace(phase=FROZEN)), ""
    if run.unknown in ENDS:
        yield from _end(state, slot, run.unknown, rules)
    elif run.unknown:
        yield from _write(state, slot, run.unknown, run.target, rules)
    else:
        for bar in range(run.bar + 1, bounds.rows):
            yield from _write(state, slot, "save", bar, rules)
        yield from _write(state, slot, "complete", bounds.rows, rules)
        if not state.row.leased or not _fence(state.row, run, rules):
            yield _sign_of_life(state, slot, "beat", rules)
        if state.row.cancel and _fence(state.row, run, rules):
            yield from _end(state, slot, "stop", rules)
        yield _sign_of_life(state, slot, "release", rules)
        yield from _end(state, slot, "fail", rules)
        yield from _end(state, slot, "put back", rules)


def _die(state: State, slot: int) -> Iterator[Next]:
    run = state.processes[slot]
    gone = _with(state, slot, Process())
    yield Step("kill", run.term), gone, ""
    reported = tuple(sorted((*state.crashed_epochs, run.epoch)))
    yield Step("crash", run.term), gone._replace(crashed_epochs=reported), ""


def _sign_of_life(state: State, slot: int, name: str, rules: Rules) -> Next:
    """The lease begins anew, or is over and the process with it: said twice, it is no other."""
    row = state.row
    run = state.processes[slot]
    if not _fence(row, run, rules):
        return _lost(state, slot, Step(name, run.term))
    after = run if name == "beat" else Process()
    written = row._replace(leased=name == "beat")
    return Step(name, run.term, outcome="done"), _with(state, slot, after, written), _intruder(row, run)


def _intruder(row: Row, run: Process) -> str:
    return "" if row.term == run.term else "a fenced-out worker wrote"


def _end(state: State, slot: int, name: str, rules: Rules) -> Iterator[Next]:
    """Brings the operation to rest or back to those that wait, and the process to its end."""
    row = state.row
    run = state.processes[slot]
    step = Step(f"repeat {name}" if run.unknown else name, run.term)
    unsure = run._replace(unknown=name)
    if _fence(row, run, rules):
        written = _ended(row, name, rules)
        wrong = _intruder(row, run)
        yield step._replace(outcome="done"), _with(state, slot, Process(), written), wrong
        yield Step(f"{name}, commit lost, done", run.term), _with(state, slot, unsure, written), wrong
    elif run.unknown and _is_believed(row, run, name, 0, rules):
        wrong = "" if row.term == run.term else "a worker believes saved what is not"
        yield step._replace(outcome="done"), _with(state, slot, Process()), wrong
    else:
        yield _lost(state, slot, step)
    if not run.unknown:
        yield Step(f"{name}, commit lost, not done", run.term), _with(state, slot, unsure), ""


def _ended(row: Row, name: str, rules: Rules) -> Row:
    if name != "put back":
        return row._replace(status=ENDS[name], leased=False)
    owner = 0 if rules.put_back_clears_owner else row.owner
    status = CANCELLED if row.cancel else PENDING
    return row._replace(status=status, owner=owner, leased=row.leased and not rules.put_back_ends_lease)


def _lost(state: State, slot: int, step: Step) -> Next:
    run = state.processes[slot]
    wrong = "a worker stopped though the operation is its own" if state.row.term == run.term else ""
    return step._replace(outcome="lost"), _with(state, slot, Process()), wrong


def _write(state: State, slot: int, kind: str, bar: int, rules: Rules) -> Iterator[Next]:
    """A save or the completion, and all that may become of its commit."""
    row = state.row
    run = state.processes[slot]
    step = Step(f"repeat {kind}" if run.unknown else kind, run.term, bar)
    unsure = run._replace(unknown=kind, target=bar)
    if _fence(row, run, rules):
        written, wrong = _written(row, run, kind, bar, rules)
        yield step._replace(outcome="done"), _with(state, slot, _gone_on(run, kind, bar), written), wrong
        yield Step(f"{kind}, commit lost, done", run.term, bar), _with(state, slot, unsure, written), wrong
        if kind == "save" and not rules.save_is_one_transaction:
            half = written._replace(ledger=row.ledger)
            yield Step("save, killed half way", run.term, bar), _with(state, slot, Process(), half), wrong
    elif not run.unknown or not _is_believed(row, run, kind, bar, rules):
        yield _lost(state, slot, step)
    else:
        mine = row.term == run.term and row.generation == run.generation + 1
        wrong = "" if mine else "a worker believes saved what is not"
        yield step._replace(outcome="done"), _with(state, slot, _gone_on(run, kind, bar)), wrong
    if not run.unknown:
        yield Step(f"{kind}, commit lost, not done", run.term, bar), _with(state, slot, unsure), ""


def _written(row: Row, run: Process, kind: str, bar: int, rules: Rules) -> tuple[Row, str]:
    generation = run.generation + 1
    rows = tuple((generation, each) for each in range(run.bar, bar))
    crashes = 0 if rules.save_clears_crashes else row.crashes
    after = row._replace(generation=generation, ledger=row.ledger + rows, crashes=crashes, true_crashes=0)
    if kind == "complete":
        result = tuple(each for _, each in after.ledger)
        after = after._replace(status=COMPLETED, leased=False, snapshots=(), results=(*row.results, result))
    else:
        kept = (each for each in row.snapshots if each.generation > generation - GENERATIONS_KEPT)
        after = after._replace(leased=True, snapshots=(Snapshot(generation, bar, good=True), *kept))
    return after, _intruder(row, run)


def _gone_on(run: Process, kind: str, bar: int) -> Process:
    if kind == "complete":
        return Process()
    return run._replace(generation=run.generation + 1, bar=bar, unknown="", target=0)


def _is_believed(row: Row, run: Process, kind: str, bar: int, rules: Rules) -> bool:
    """The read-back after a commit whose end nobody heard of."""
    if rules.believes_unknown_commits:
        return True
    epoch = rules.reads_back and (row.epoch == run.epoch or not rules.read_back_asks_epoch)
    if kind == "put back":
        return epoch and row.owner == 0
    if kind in ENDS:
        return epoch and row.status == ENDS[kind]
    follows = epoch and row.generation == run.generation + 1
    if kind == "complete":
        return follows and row.status == COMPLETED
    return follows and any((each.generation, each.bar) == (row.generation, bar) for each in row.snapshots)
