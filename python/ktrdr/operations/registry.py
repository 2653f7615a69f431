"""The registered kinds and reports, found by name; a module is imported when it is first needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ktrdr._lazy import require, resolve
from ktrdr.errors import ArgumentInvalid, NotFound
from ktrdr.operations import KINDS, NOTEBOOK, REPORTS


def registered(kind: str) -> Any:
    """Returns the object that `KINDS` names for a kind.

    Raises ``ArgumentInvalid`` for a kind that this version does not have.
    """
    entry = KINDS.get(kind)
    if entry is None:
        known = " ".join(sorted(KINDS))
        hint = "a later version of ktrdr may have it"
        raise ArgumentInvalid("unknown kind of operation", where="kind", found=kind, expected=known, hint=hint)
    return resolve(entry)


class Report(Protocol):
    """Makes the page of a finished operation's result."""

    def __call__(self, result: Any, data_dir: Path | None = None) -> str:
        """Returns one HTML file; ``data_dir`` is the folder of the bars, by default that of the settings."""


def report_of(kind: str) -> Report:
    """Returns the report of a kind's results.

    Raises ``NotFound`` for a kind without one, and ``LibraryMissing`` without the extra ``ktrdr[report]``.
    """
    entry = REPORTS.get(kind)
    if entry is None:
        raise NotFound(f"an operation of kind {kind} has no report", expected=" ".join(sorted(REPORTS)))
    require("jinja2", "litecharts")
    report: Report = resolve(entry)
    return report


def in_notebook(result: Any) -> str:
    """Returns the face of a backtest's result in a notebook, as HTML."""
    face: str = resolve(NOTEBOOK)(result)
    return face
