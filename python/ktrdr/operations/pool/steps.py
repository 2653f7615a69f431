"""Steps of a loop that no failure ends: a cause is logged once, and a step that fails waits before its next try."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ktrdr.errors import StorageError

LOG_AGAIN_S = 600.0
LONGEST_PAUSE_S = 5.0
_FIRST_PAUSE_S = 0.1
_MOST_CAUSES = 64

log = logging.getLogger("ktrdr.operations")


class Causes:
    """Causes of failures that have been logged lately: a loop that fails for hours does not fill a disk."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at_s: dict[str, float] = {}

    def is_news(self, error: BaseException) -> bool:
        """Returns True, once in ten minutes, for each cause.

        >>> causes = Causes(clock=lambda: 0.0)
        >>> [causes.is_news(error) for error in (OSError("full"), OSError("full"), OSError("away"))]
        [True, False, True]
        """
        cause = f"{type(error).__name__}: {error}"
        now_s = self._clock()
        if now_s - self._logged_at_s.get(cause, -LOG_AGAIN_S) < LOG_AGAIN_S:
            return False
        if len(self._logged_at_s) >= _MOST_CAUSES:  # messages with numbers in them never repeat
            self._logged_at_s.clear()
        self._logged_at_s[cause] = now_s
        return True


@dataclass
class Step:
    """A step of a loop.

    Args:
        name: words for the log, after which "fails" reads well.
        work: the step; any exception is caught.
        causes: those that have been logged.
        clock: monotonic seconds.
    """

    name: str
    work: Callable[[], None]
    causes: Causes
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    _not_before_s: float = field(default=-1e9, repr=False)

    def attempt(self) -> bool:
        """Runs the step unless it has failed just now; returns True if it has run without failure.

        >>> def fail() -> None:
        ...     raise ValueError("a damaged row")
        >>> step = Step("looking", fail, Causes(), clock=lambda: 0.0)
        >>> step.attempt(), step.attempt(), step.failures
        (False, False, 1)
        """
        if self.clock() < self._not_before_s:
            return False
        try:
            self.work()
        except Exception as error:
            self._failed(error)
            return False
        self.failures = 0
        return True

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 30), LONGEST_PAUSE_S)
        self._not_before_s = self.clock() + pause_s
        if not self.causes.is_news(error):
            return
        if isinstance(error, StorageError):  # its sentence says all
            log.warning("%s fails: the database cannot be used: %s", self.name, error)
        else:
            log.error("%s fails and is tried again", self.name, exc_info=error)
