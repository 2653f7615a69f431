"""The registered kinds and reports, found by name; a module is imported when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ktrdr._lazy import require, resolve
from ktrdr.errors import ArgumentInvalid, NotFound
from ktrdr.operations import EXPLANATION, KINDS, NOTEBOOK, REPORTS

if TYPE_CHECKING:
    import polars as pl

_TRADED = ("backtest", "paper")
"""Kinds whose result is a ledger, with metrics."""


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

    def __call__(self, result: object, data_dir: Path | None = None, *, explain: bool = False) -> str:
        """Returns one HTML file.

        Args:
            result: of the operation.
            data_dir: folder of the bars, by default that of the settings.
            explain: whether the page says why a net decided as it did; a kind without decisions has nothing to add.
        """


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


def command_for_result(kind: str, operation_id: str) -> str:
    """Returns the command by which a person sees the result of a completed operation.

    >>> command_for_result("sweep", "sweep_0123456789abcdef")
    'ktrdr operations report sweep_0123456789abcdef'
    >>> command_for_result("design", "latest")
    'ktrdr operations show latest'
    """
    if kind in _TRADED:
        return f"ktrdr backtest show {operation_id}"
    return f"ktrdr operations {'report' if kind in REPORTS else 'show'} {operation_id}"


def in_notebook(result: object) -> str:
    """Returns the face of a backtest's result in a notebook, as HTML."""
    face: str = resolve(NOTEBOOK)(result)
    return face


class Explanation(Protocol):
    """The reasons of a run's entries and exits; `ktrdr.analysis.explanation.decision` has the class."""

    @property
    def decisions(self) -> Sequence[Any]:
        """Returns the decisions, an entry before its exit."""

    @property
    def baseline(self) -> Mapping[str, float]:
        """Returns the input that attributions compare with."""

    @property
    def frame(self) -> pl.DataFrame:
        """Returns one row for each input of each decision."""


def explained(result: object, trades: Sequence[int] | None, data_dir: Path | None) -> Explanation:
    """Returns the reasons of a backtest's trades."""
    found: Explanation = resolve(EXPLANATION)(result, trades, data_dir)
    return found
