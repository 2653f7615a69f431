"""Signals during a run: Ctrl-C stops it at the end of its block, saved; a second one at once; SIGTERM interrupts it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

from ktrdr.cli.output import current_output
from ktrdr.operations.running.cancellation import Token

INTERRUPTED = 130
_LEAVE_WITHIN_S = 1.0


class Interrupt:
    """Cancellation token that the interrupt key and SIGTERM set while its context is entered.

    Python runs signal handlers between two bytecodes of the main thread, which may compute one block of inference for
    a minute. So a second thread reads each signal from a pipe: it answers at once, and ends the process if asked twice.
    """

    def __init__(self) -> None:
        self.token = Token()
        self.farewell = "interrupted"
        self._asked = 0
        self._left = threading.Event()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._listen()
        return self

    def is_cancelled(self) -> bool:
        """Returns True once the user has asked to stop."""
        return self.token.is_cancelled()

    def __exit__(self, *_: object) -> None:
        self._left.set()
        if self._before:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wakeup_before)
            os.close(self._writes)
            self._answers.join()  # its message comes before the result of the command

    def _listen(self) -> None:
        reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        self._answers = threading.Thread(target=self._answer, args=(reads,), name="ktrdr-interrupt", daemon=True)
        self._answers.start()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            self.token.shut_down()
            return
        self._asked += 1
        self.token.cancel()
        if self._asked > 1:
            raise KeyboardInterrupt

    def _answer(self, reads: int) -> None:
        interrupts = 0
        with open(reads, "rb", buffering=0) as signals:
            while number := signals.read(1):
                interrupts += number[0] == signal.SIGINT
                if number[0] == signal.SIGINT and interrupts == 1:
                    self.token.cancel()
                    current_output().note("stopping at the next point where it can be saved; again to leave at once")
                elif number[0] == signal.SIGTERM:
                    self.token.shut_down()
                elif not self._left.wait(_LEAVE_WITHIN_S):
                    current_output().note(self.farewell)
                    os._exit(INTERRUPTED)
