"""Ctrl-C once: the run stops at the end of its block. Twice: at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ktrdr.cli.answer import current_manner


class Interrupt:
    """A cancellation token that the interrupt key sets, while it is entered."""

    def __init__(self) -> None:
        self._asked = False
        self._before: signal.Handlers | None = None

    def is_cancelled(self) -> bool:
        """True after the first Ctrl-C."""
        return self._asked

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        current_manner().note("stopping at the end of the block; again to leave at once")
