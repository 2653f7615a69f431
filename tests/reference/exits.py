"""What can happen to an open position inside a bar.

A short is a long seen in a mirror: its prices are taken negative, so that "above" means "better" for both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """The prices that close a position; None where there is no such level."""

    stop: float | None
    trailing: float | None
    liquidation: float | None
    target: float | None


@dataclass(frozen=True)
class Exit:
    """How a position leaves inside a bar.

    `kind`: "market" at `reference` with all costs; "open_target" at the open, half the spread off; "target" at its
    level.
    """

    kind: str
    reason: str
    reference: float


@dataclass(frozen=True)
class Verdict:
    """The exit taken; where the bar was ambiguous also the two that were possible."""

    taken: Exit
    adverse: Exit | None = None
    target: Exit | None = None


def adverse_exit(direction: int, levels: Levels) -> Exit | None:
    """The level that a falling market meets first; of equal ones the first named gives the reason."""
    named = [
        ("stop_loss", levels.stop),
        ("trailing_stop", levels.trailing),
        ("liquidation", levels.liquidation),
    ]
    present = [Exit("market", reason, level) for reason, level in named if level is not None]
    if not present:
        return None
    return max(present, key=lambda exit_: direction * exit_.reference)


def inside_bar(
    direction: int, levels: Levels, bar: tuple[float, float, float], half: float, intrabar: str
) -> Verdict | None:
    """The exit of a bar with the given open, high and low; None where the position survives it."""
    open_, high, low = bar
    opened = direction * open_
    best, worst = (high, low) if direction > 0 else (-low, -high)
    adverse = adverse_exit(direction, levels)

    if adverse is not None and opened <= direction * adverse.reference:
        return Verdict(Exit("market", adverse.reason, open_))
    if levels.target is not None and opened - half >= direction * levels.target:
        return Verdict(Exit("open_target", "take_profit", open_))

    adverse_touched = adverse is not None and worst <= direction * adverse.reference
    target_touched = levels.target is not None and best - half > direction * levels.target
    target = Exit("target", "take_profit", levels.target) if levels.target is not None else None
    if adverse_touched and target_touched:
        assert adverse is not None and target is not None
        adverse_is_nearer = opened - worst <= best - opened
        adverse_first = intrabar == "pessimistic" or (intrabar == "ohlc" and adverse_is_nearer)
        return Verdict(adverse if adverse_first else target, adverse, target)
    if adverse_touched:
        assert adverse is not None
        return Verdict(adverse)
    if target_touched:
        assert target is not None
        return Verdict(target)
    return None
