"""Rules of risk over a strategy's decisions: largest position, daily loss stop, kill switch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from ktrdr.errors import ArgumentInvalid
from ktrdr.time import NS_PER_DAY

LARGEST_POSITION: Final = "largest position"
DAILY_LOSS: Final = "daily loss"
KILL_SWITCH: Final = "kill switch"
"""A line of the log about an override begins with one of these."""


@dataclass(frozen=True)
class RiskLimits:
    """Limits of an orchestrator; None is no limit.

    Args:
        largest_position: notional of a new position of one symbol, account currency.
        daily_loss: loss of equity over all symbols within a UTC day, account currency.

    Raises:
        ArgumentInvalid: a limit that is not above 0.
    """

    largest_position: float | None = None
    daily_loss: float | None = None

    def __post_init__(self) -> None:
        for name in ("largest_position", "daily_loss"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ArgumentInvalid("a limit must be above 0", where=name, found=value, expected="> 0")


@dataclass(frozen=True)
class DayState:
    """The daily loss stop between two bars.

    Args:
        day: UTC day, counted from 1970; None before the first bar.
        equity: over all symbols, before that day's first bar, account currency.
        stopped: whether the day's loss has reached its limit.

    >>> morning = DayState().at(0, 1_000.0)
    >>> morning.after(940.0, RiskLimits(daily_loss=50.0)).stopped
    True
    >>> morning.after(940.0, RiskLimits(daily_loss=50.0)).at(NS_PER_DAY, 940.0).stopped
    False
    """

    day: int | None = None
    equity: float = 0.0
    stopped: bool = False

    def at(self, time_ns: int, equity: float) -> DayState:
        """Returns the state before a bar with that stamp; the first bar of a later day begins anew."""
        day = time_ns // NS_PER_DAY
        return self if self.day is not None and day <= self.day else DayState(day, equity)

    def after(self, equity: float, limits: RiskLimits) -> DayState:
        """Returns the state after a bar that ended with that equity."""
        if limits.daily_loss is None or self.equity - equity < limits.daily_loss:
            return self
        return replace(self, stopped=True)


class KillSwitch(Protocol):
    """Tells whether somebody has asked to stop trading at once."""

    def reason(self) -> str | None:
        """Returns the reason that was given; None while nobody has asked."""


class FileSwitch:
    """A kill switch made of files: trading stops once one of them is there. It works without the database.

    Args:
        paths: files, each with ``{"reason": ...}``; an empty or unreadable one counts as well.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)

    def reason(self) -> str | None:
        """Returns the reason in the first file that is there; None without any."""
        for path in self._paths:
            try:
                text = path.read_text()
            except FileNotFoundError:
                continue
            except OSError as error:
                return f"{path.name}: {error.strerror}"
            return _reason_in(text)
        return None


def ask(path: Path, reason: str) -> None:
    """Writes the file that a `FileSwitch` waits for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"reason": reason}) + "\n")


def _reason_in(text: str) -> str:
    try:
        found = json.loads(text)["reason"]
    except (ValueError, KeyError, TypeError):
        found = ""
    return str(found) or "no reason given"
