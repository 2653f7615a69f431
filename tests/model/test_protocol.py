"""The protocol of the store keeps its promises in every interleaving; each of its rules is there for a reason."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from model.protocol import Bounds, Rules
from model.search import search

STOLEN = "took a run away from its living owner"
INTRUDER = "a fenced-out worker wrote"
NOT_LOST = "a worker stopped though the operation is its own"
ROWS = "the ledger holds the rows"
BELIEVES = "a worker believes saved what is not"
STUCK = "nothing ends the operation"
WEAKER: dict[str, tuple[dict[str, bool], str]] = {
    "a fence without the epoch": ({"fence_asks_epoch": False}, INTRUDER),
    "a fence without the generation": ({"fence_asks_generation": False}, f"{ROWS} [0, 0]"),
    "a fence on the lease's end": ({"fence_asks_lease_instead": True}, NOT_LOST),
    "a claim without epoch + 1": ({"claim_raises_epoch": False}, INTRUDER),
    "a claim whatever the status is by now": ({"claim_asks_status": False}, "took a failed operation"),
    "a claim of a dead owner's under any epoch": ({"claim_of_dead_asks_epoch": False}, STOLEN),
    "a claim that leaves the generation": ({"claim_sets_generation": False}, STUCK),
    "a claim that leaves segments beyond its generation": (
        {"claim_forgets_beyond": False}, f"{ROWS} [0, 1], the snapshot is that of bar 1",
    ),
    "a claim that does not read its ledger": ({"claim_reads_ledger": False}, "the result rests on damaged rows"),
    "a rewind that keeps the snapshot": ({"rewind_puts_aside": False}, STUCK),
    "no read-back after an unknown commit": ({"reads_back": False}, NOT_LOST),
    "a read-back without the epoch": ({"read_back_asks_epoch": False}, BELIEVES),
    "an unknown commit taken for done": ({"believes_unknown_commits": True}, BELIEVES),
    "a save in two transactions": ({"save_is_one_transaction": False}, f"{ROWS} [], the snapshot is that of bar 1"),
    "a save that leaves the crashes": ({"save_clears_crashes": False}, "1 crashes are counted, of 0"),
    "a resume of a running one": ({"resume_asks_for_rest": False}, STOLEN),
    "a resume that leaves the wish to cancel": ({"resume_clears_cancel": False}, STUCK),
    "a resume that leaves the crashes": ({"resume_clears_crashes": False}, "1 crashes are counted, of 0"),
    "a restart at epoch 0": ({"restart_keeps_epoch": False}, "the epoch fell"),
    "a cancel of a completed one": ({"cancel_leaves_completed": False}, "a completed operation was changed"),
    "a forced cancel of another epoch": ({"force_cancel_asks_epoch": False}, "cancelled a run that nobody has asked"),
    "a crash counted on another epoch": ({"crash_asks_epoch": False}, STOLEN),
    "a put-back that keeps the owner": ({"put_back_clears_owner": False}, NOT_LOST),
    "a put-back that keeps the lease": ({"put_back_ends_lease": False}, "a pending operation has a lease"),
    "a cancel that leaves the epoch, and a fence whatever the status": (
        {"cancel_raises_epoch": False, "fence_asks_status": False}, INTRUDER,
    ),
    "a claim under any epoch, whatever the status": (
        {"claim_asks_epoch": False, "claim_asks_status": False}, "took a cancelled operation",
    ),
    "a cancel that leaves the epoch, and a claim whatever the status": (
        {"cancel_raises_epoch": False, "claim_asks_status": False}, "took a cancelled operation",
    ),
}  # fmt: skip
"""Changed rules, and the promise that breaks first: fewest disturbances, then fewest steps.

A rule whose loss another one makes up for is weakened together with that one.
"""


@pytest.mark.parametrize(
    ("bounds", "states"),
    [(Bounds(rows=3, disturbances=3), 35_000), (Bounds(rows=2, disturbances=4, sees_death=False), 15_000)],
    ids=str,
)
def test_every_promise_holds(bounds: Bounds, states: int) -> None:
    found = search(Rules(), bounds)
    assert not found.problem, found.problem
    assert found.states > states


@pytest.mark.soak
@pytest.mark.parametrize(
    "bounds",
    [Bounds(rows=3, disturbances=4), Bounds(rows=3, disturbances=5), Bounds(rows=2, disturbances=6)],
    ids=str,
)
def test_every_promise_holds_in_longer_histories(bounds: Bounds) -> None:
    found = search(Rules(), bounds)
    assert not found.problem, found.problem


@pytest.mark.parametrize("name", WEAKER)
def test_a_weaker_rule_breaks_a_promise(name: str) -> None:
    weaker, promise = WEAKER[name]
    found = search(replace(Rules(), **weaker), Bounds(rows=3, disturbances=4))
    assert found.problem, f"{found.states} states and nothing broken"
    assert found.problem.startswith(promise), found.problem


def test_every_rule_is_weakened() -> None:
    assert {rule for weaker, _ in WEAKER.values() for rule in weaker} == {field.name for field in fields(Rules)}
