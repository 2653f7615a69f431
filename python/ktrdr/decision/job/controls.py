"""Requests to a paper run from outside, as files of the data folder: they also reach a run that waits for its feed."""

from __future__ import annotations

from pathlib import Path

from ktrdr.data.store.repository import Repository
from ktrdr.decision.risk import FileSwitch, ask
from ktrdr.errors import AlreadyCompleted
from ktrdr.operations.models import Operation, Status

_EVERY_RUN = "all"
_SUFFIXES = (".jsonl", ".kill", ".stop")


class Controls:
    """The files of one paper run: its broker's journal, its kill switch, and the request to end it.

    Args:
        operation_id: the run.
        data_dir: the data folder; None takes the one of the settings.
    """

    def __init__(self, operation_id: str, data_dir: Path | None = None) -> None:
        self._folder = (Repository() if data_dir is None else Repository(data_dir)).root / "paper"
        self._name = operation_id

    @property
    def journal(self) -> Path:
        """Returns the file of the paper broker."""
        return self._folder / f"{self._name}.jsonl"

    @property
    def switch(self) -> FileSwitch:
        """Returns the kill switch: that of this run, or that of all runs of the data folder."""
        return FileSwitch([self._folder / f"{self._name}.kill", self._folder / f"{_EVERY_RUN}.kill"])

    @property
    def stop(self) -> FileSwitch:
        """Returns the request to end the run with its result."""
        return FileSwitch([self._folder / f"{self._name}.stop"])

    def kill(self, reason: str) -> None:
        """Stops trading of this run at once."""
        ask(self._folder / f"{self._name}.kill", reason)

    def finish(self, reason: str) -> None:
        """Ends the run with its result."""
        ask(self._folder / f"{self._name}.stop", reason)

    def remove(self) -> None:
        """Deletes the files of the run, as far as they are there."""
        for suffix in _SUFFIXES:
            (self._folder / f"{self._name}{suffix}").unlink(missing_ok=True)


def require_open(operation: Operation) -> None:
    """Raises ``AlreadyCompleted`` for a run that has ended: nobody would read what is asked of it."""
    if operation.status is Status.COMPLETED:
        hint = "`ktrdr paper status` shows its log, `ktrdr backtest show` its result"
        raise AlreadyCompleted("the run has ended, and trades no more", operation=operation.id, hint=hint)


def kill_all(reason: str, data_dir: Path | None = None) -> Path:
    """Stops every paper run of the data folder, later ones too, and returns the file that does it."""
    path = (Repository() if data_dir is None else Repository(data_dir)).root / "paper" / f"{_EVERY_RUN}.kill"
    ask(path, reason)
    return path
