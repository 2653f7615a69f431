"""The protocol of shared units, as a third small model: an owner offers them, helpers compute them, the owner books.

`protocol` has the owner's saves, and `family` its parts. Here a save is one step, and the rows of units matter. A state
has the operation, a row for each unit, two slots for owners and one for a helper; a step that breaks a promise carries
a complaint. Each rule can be weakened.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model.protocol import CANCELLED, COMPLETED, FAILED, IDLE, PENDING, RUNNING
from model.search import story

UNITS = (0, 1)
KEPT = 2
"""Checkpoints that the store keeps; the newest may be damaged."""
OWNS = "owns"
HELPS = "helps"
HOLDS = "holds a unit"
DISTURBANCES = frozenset({
    "lapse", "lapse of a unit", "kill", "kill the helper", "claim before the damage", "cancel", "resume", "restart",
    "change the inputs", "help with others",
})  # fmt: skip
_RESTING = (CANCELLED, FAILED)


@dataclass(frozen=True)
class Rules:
    """The rules of shared units; a test weakens one at a time."""

    offer_asks_epoch: bool = True
    drop_asks_epoch: bool = True
    take_asks_status: bool = True
    hand_in_asks_inputs: bool = True
    book_asks_inputs: bool = True
    book_asks_booked: bool = True
    book_before_drop: bool = True
    claim_keeps_rows: bool = True
    take_asks_lease: bool = True
    lapsed_is_open: bool = True
    take_back_asks_result: bool = True
    restart_deletes_rows: bool = True


class Booked(NamedTuple):
    """A unit in the ledger, and the inputs that it was computed from; ``life`` is the judge's."""

    number: int
    inputs: int
    life: int


class Row(NamedTuple):
    """The row of the operation; ``life`` counts restarts, for the judge."""

    status: str = PENDING
    epoch: int = 0
    leased: bool = False
    booked: tuple[Booked, ...] = ()
    life: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Returns the units in the ledger."""
        return tuple(each.number for each in self.booked)


class Unit(NamedTuple):
    """The row of a unit: the inputs it was offered under, and those that its result was computed from, 0 for none.

    A taker extends its lease; that is no step here, since a lease that has not lapsed is as good as one extended.
    """

    inputs: int
    taken: bool = False
    leased: bool = False
    found: int = 0
    life: int = 0


class Owner(NamedTuple):
    """A slot: nobody, or a process that owns the operation or did. ``known`` are the units that it knows as booked."""

    phase: str = IDLE
    epoch: int = 0
    inputs: int = 0
    life: int = 0
    known: tuple[int, ...] = ()
    ready: tuple[Booked, ...] = ()


class Helper(NamedTuple):
    """The slot of the helper, with the inputs of its data folder and the unit that it computes."""

    phase: str = IDLE
    inputs: int = 0
    number: int = -1


class State(NamedTuple):
    """Everything; the slots of owners are sorted. ``inputs`` are those of the owners' data folder."""

    row: Row = Row()
    units: tuple[Unit | None, ...] = (None,) * len(UNITS)
    owners: tuple[Owner, ...] = (Owner(), Owner())
    helper: Helper = Helper()
    inputs: int = 1


class Step(NamedTuple):
    """An event of the owner that has claimed an epoch, of the helper or of anybody, with its unit and its outcome."""

    name: str
    epoch: int = 0
    number: int = -1
    outcome: str = ""


Next = tuple[Step, State, str]
"""A step, the state after it, and what is wrong with it (empty: nothing)."""


def steps(state: State, rules: Rules) -> Iterator[Next]:
    """Yields every step that may come next."""
    yield from _anyone(state, rules)
    yield from _of_helper(state, rules)
    for slot, owner in enumerate(state.owners):
        if slot and owner == state.owners[0]:
            continue
        if owner.phase == IDLE:
            yield from _claim(state, slot, rules)
        else:
            yield Step("kill", owner.epoch), _with(state, slot, Owner()), ""
            yield from _of_owner(state, slot, rules)


def _with(state: State, slot: int, owner: Owner) -> State:
    return state._replace(owners=tuple(sorted((owner, state.owners[1 - slot]))))


def _put(state: State, number: int, unit: Unit | None) -> State:
    units = list(state.units)
    units[number] = unit
    return state._replace(units=tuple(units))


def _interrupted(row: Row) -> bool:
    return row.status == RUNNING and not row.leased


def _anyone(state: State, rules: Rules) -> Iterator[Next]:
    row = state.row
    again = row._replace(status=PENDING, epoch=row.epoch + 1, leased=False)
    if row.status == RUNNING and row.leased:
        yield Step("lapse"), state._replace(row=row._replace(leased=False)), ""
    if row.status == RUNNING:
        ended = row._replace(status=CANCELLED, epoch=row.epoch + 1, leased=False)
        yield Step("cancel"), state._replace(row=ended), ""
    if row.status in _RESTING:
        yield Step("resume"), state._replace(row=again), ""
    if row.status in _RESTING or _interrupted(row):
        units = (None,) * len(UNITS) if rules.restart_deletes_rows else state.units
        fresh = again._replace(booked=(), life=row.life + 1)
        yield Step("restart"), state._replace(row=fresh, units=units), ""
    for number, unit in enumerate(state.units):
        if unit is not None and unit.leased and not unit.found:
            yield Step("lapse of a unit", number=number), _put(state, number, unit._replace(leased=False)), ""
    if state.inputs == 1:
        yield Step("change the inputs"), state._replace(inputs=2), ""


def _claim(state: State, slot: int, rules: Rules) -> Iterator[Next]:
    row = state.row
    if row.status != PENDING and not _interrupted(row):
        return
    for name, booked in (("claim", row.booked), ("claim before the damage", row.booked[:-1])):
        if name != "claim" and len(row.booked) < KEPT:
            continue
        taken = row._replace(status=RUNNING, epoch=row.epoch + 1, leased=True, booked=booked)
        after = state._replace(row=taken)
        if any(each.inputs != state.inputs for each in booked):
            ended = taken._replace(status=FAILED, leased=False)
            yield Step(name, taken.epoch, outcome="refused"), after._replace(row=ended), ""
            continue
        if not rules.claim_keeps_rows:
            after = after._replace(units=(None,) * len(UNITS))
        owner = Owner(OWNS, taken.epoch, state.inputs, row.life, taken.numbers)
        yield Step(name, taken.epoch, outcome="runs"), _with(after, slot, owner), _thrown_away(state, after)


def _of_owner(state: State, slot: int, rules: Rules) -> Iterator[Next]:
    owner = state.owners[slot]
    for number, unit in enumerate(state.units):
        if unit is None:
            if number not in owner.known:
                yield _offer(state, slot, number, rules)
        elif _usable(owner, number, unit, rules):
            yield from _collect(state, slot, number, unit, rules)
        elif number in owner.known or unit.inputs != owner.inputs:
            yield _drop(state, slot, number, rules)
        if unit is not None and unit.inputs == owner.inputs and _is_open(unit, rules):
            yield _drop(state, slot, number, rules, "take back")
        # What another process holds this one computes too once it has waited for as long as a unit takes, and longer.
        slow = unit is not None and unit.taken and not unit.found and bool(owner.known)
        if number not in owner.known and (unit is None or slow):
            yield _book(state, slot, Booked(number, owner.inputs, owner.life), "compute")
    for ready in owner.ready:
        yield _book(state, slot, ready, "book")
    if set(owner.known) == set(UNITS):
        yield _complete(state, slot)


def _held(unit: Unit, rules: Rules) -> bool:
    """Returns True for a unit that a process computes, as far as one can know."""
    return unit.taken and (unit.leased or not rules.lapsed_is_open)


def _is_open(unit: Unit, rules: Rules) -> bool:
    """Returns True for a unit that its owner takes back to compute it."""
    return not _held(unit, rules) and not (unit.found and rules.take_back_asks_result)


def _usable(owner: Owner, number: int, unit: Unit, rules: Rules) -> bool:
    """Returns True for a row that the owner books."""
    same = unit.inputs == owner.inputs or not rules.book_asks_inputs
    new = number not in owner.known or not rules.book_asks_booked
    return bool(unit.found) and same and new


def _mine(state: State, owner: Owner) -> bool:
    return state.row.status == RUNNING and state.row.epoch == owner.epoch


def _extended(state: State, owner: Owner) -> State:
    return state._replace(row=state.row._replace(leased=True)) if _mine(state, owner) else state


def _lost(state: State, slot: int, step: Step) -> Next:
    return step._replace(outcome="lost"), _with(state, slot, Owner()), ""


def _offer(state: State, slot: int, number: int, rules: Rules) -> Next:
    owner = state.owners[slot]
    step = Step("offer", owner.epoch, number, "done")
    if rules.offer_asks_epoch and not _mine(state, owner):
        return _lost(state, slot, step)
    return step, _put(_extended(state, owner), number, Unit(owner.inputs, life=owner.life)), ""


def _collect(state: State, slot: int, number: int, unit: Unit, rules: Rules) -> Iterator[Next]:
    """Books a finished row; the weaker way drops it first."""
    owner = state.owners[slot]
    ready = Booked(number, unit.found, unit.life)
    if rules.book_before_drop:
        yield _book(state, slot, ready, "book")
        return
    step, dropped, wrong = _drop(state, slot, number, rules)
    if step.outcome == "lost":
        yield step, dropped, wrong
        return
    slot = dropped.owners.index(owner)
    yield step, _with(dropped, slot, owner._replace(ready=(*owner.ready, ready))), wrong


def _book(state: State, slot: int, ready: Booked, name: str) -> Next:
    """The save of a unit, which is fenced: `protocol` weakens that."""
    owner = state.owners[slot]
    step = Step(name, owner.epoch, ready.number, "done")
    if not _mine(state, owner) or state.row.numbers != owner.known:
        return _lost(state, slot, step)
    row = state.row._replace(booked=(*state.row.booked, ready), leased=True)
    rest = tuple(each for each in owner.ready if each != ready)
    known = owner._replace(known=row.numbers, ready=rest)
    return step, _with(state._replace(row=row), slot, known), ""


def _drop(state: State, slot: int, number: int, rules: Rules, name: str = "drop") -> Next:
    owner = state.owners[slot]
    step = Step(name, owner.epoch, number, "done")
    if rules.drop_asks_epoch and not _mine(state, owner):
        return _lost(state, slot, step)
    after = _put(_extended(state, owner), number, None)
    return step, after, _thrown_away(state, after)


def _complete(state: State, slot: int) -> Next:
    owner = state.owners[slot]
    step = Step("complete", owner.epoch, outcome="done")
    if not _mine(state, owner):
        return _lost(state, slot, step)
    return step, _with(state._replace(row=state.row._replace(status=COMPLETED, leased=False)), slot, Owner()), ""


def _of_helper(state: State, rules: Rules) -> Iterator[Next]:
    helper = state.helper
    idle = state._replace(helper=Helper())
    if helper.phase == IDLE:
        yield Step("help"), state._replace(helper=Helper(HELPS, state.inputs)), ""
        yield Step("help with others"), state._replace(helper=Helper(HELPS, 3 - state.inputs)), ""
        return
    yield Step("kill the helper"), idle, ""
    if helper.phase == HELPS:
        runs = state.row.status == RUNNING
        for number, unit in enumerate(state.units):
            if unit is None or unit.found or unit.inputs != helper.inputs:
                continue
            held = _held(unit, rules)
            if (runs or not rules.take_asks_status) and (not held or not rules.take_asks_lease):
                after = _put(state, number, unit._replace(taken=True, leased=True))._replace(
                    helper=Helper(HOLDS, helper.inputs, number)
                )
                wrong = "a helper took a unit that another one holds" if held else ""
                if not runs:
                    wrong = f"a helper took a unit of a {state.row.status} operation"
                yield Step("take", number=number, outcome="done"), after, wrong
        return
    unit = state.units[helper.number]
    after = state._replace(helper=Helper(HELPS, helper.inputs))
    fits = unit is not None and not unit.found and (unit.inputs == helper.inputs or not rules.hand_in_asks_inputs)
    step = Step("hand in", number=helper.number, outcome="done" if fits else "too late")
    if unit is not None and fits:
        after = _put(after, helper.number, unit._replace(found=helper.inputs))
    yield step, after, ""


def _thrown_away(state: State, after: State) -> str:
    """Returns the complaint about a finished unit that is gone without having been booked."""
    for number, unit in enumerate(state.units):
        there = after.units[number] is not None or number in after.row.numbers
        # What was computed from other inputs is nobody's loss, nor what belongs to a run before a restart.
        if unit is not None and unit.found == after.inputs and unit.life == after.row.life and not there:
            return "a finished unit was thrown away"
    return ""


def broken(state: State, after: State) -> str:
    """Returns the promise that a step breaks, whoever took it."""
    row = after.row
    if state.row.status == COMPLETED and row != state.row:
        return "a completed operation was changed"
    if len(set(row.numbers)) < len(row.numbers):
        return f"the ledger holds the units {row.numbers}"
    if len({each.inputs for each in row.booked}) > 1:
        return "the ledger holds units of different inputs"
    if any(each.life != row.life for each in row.booked):
        return "the ledger holds a unit from before a restart"
    if row.status == COMPLETED and set(row.numbers) != set(UNITS):
        return f"completed with the units {row.numbers}"
    return ""


def search(rules: Rules, disturbances: int) -> tuple[int, str]:
    """Returns the number of states, and the shortest history that breaks a promise, or nothing.

    Breadth first, histories with fewer disturbances before those with more. At the end every state is asked if
    undisturbed processes, and a user who resumes or restarts, come to a result from there.
    """
    before: dict[State, tuple[State, Step] | None] = {State(): None}
    leads_to: dict[State, list[State]] = defaultdict(list)
    layer = [State()]
    for left in range(disturbances, -1, -1):
        following: list[State] = []
        for state in layer:  # grows on the way: steps that are no disturbance stay in the layer
            for step, after, wrong in steps(state, rules):
                if step.name in DISTURBANCES and not left:
                    continue
                problem = wrong or broken(state, after)
                if problem:
                    return len(before), story(before, state, problem, step)
                leads_to[after].append(state)
                if after not in before:
                    before[after] = (state, step)
                    (following if step.name in DISTURBANCES else layer).append(after)
        layer = following
    return len(before), _stuck(before, leads_to, rules)


def _stuck(before: dict[State, tuple[State, Step] | None], leads_to: dict[State, list[State]], rules: Rules) -> str:
    """Returns the history of a state from which no result can be reached."""
    reach = [state for state in before if state.row.status == COMPLETED]
    found = set(reach)
    for state in reach:  # grows on the way
        new = [one for one in leads_to[state] if one not in found]
        found.update(new)
        reach += new
    for state in before:
        if state not in found and not _ends(state, found, rules):
            return story(before, state, f"nothing ends the operation, {state.row.status}")
    return ""


def _ends(state: State, found: set[State], rules: Rules) -> bool:
    """Returns True if the most helpful steps lead from a state to its end, whatever disturbances are left."""
    path = []
    for _ in range(40):
        if state.row.status == COMPLETED or state in found:
            found.update(path)
            return True
        path.append(state)
        step = towards_the_end(state, rules)
        if step is None:
            return False
        state = step[1]
    return False


def towards_the_end(state: State, rules: Rules) -> Next | None:
    """Returns the most helpful step of undisturbed processes, and of a user who resumes; None after the end."""
    if state.row.status == COMPLETED:
        return None
    wanted = ["complete", "book", "compute", "take back", "drop", "claim", "lapse of a unit", "lapse", "resume"]
    if any(each.inputs != state.inputs for each in state.row.booked):
        wanted.insert(0, "restart")
    found = {step.name: (step, after, wrong) for step, after, wrong in steps(state, rules)}
    return next((found[name] for name in wanted if name in found), None)
