"""The result of a walk-forward: figures by fold, the joined record of all tests, and what is left of the training."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from ktrdr import _core
from ktrdr._types import Floats, Json
from ktrdr.analysis.splits import Window
from ktrdr.analysis.walk_forward.stitch import Stitched, comparison
from ktrdr.backtesting.results import BacktestResults
from ktrdr.disk import write_page
from ktrdr.operations.models import Outcome, OutcomeResult
from ktrdr.operations.registry import report_of
from ktrdr.time import iso
from ktrdr.training.run.result import TrainResult

_LISTED = ("net_profit", "total_return", "sharpe", "max_drawdown", "trades")


@dataclass(frozen=True, eq=False)
class FoldRuns:
    """The results of a fold's parts.

    Args:
        window: spans of the training and the test.
        training: the training.
        in_sample: the backtest over the bars that the model was fitted on.
        test: the backtest over the bars after them.
    """

    window: Window
    training: TrainResult
    in_sample: BacktestResults
    test: BacktestResults

    def facts(self, number: int) -> dict[str, Any]:
        """Returns the fold, JSON-ready."""
        return {
            "fold": number,
            "train_from": iso(self.window.train_from_ns),
            "train_until": iso(self.window.train_until_ns),
            "test_from": iso(self.window.test_from_ns),
            "test_until": iso(self.window.test_until_ns),
            "model": self.training.model_id,
            "epochs": len(self.training.history),
            "test": {name: self.test.metrics[name] for name in _LISTED},
            "in_sample": {name: self.in_sample.metrics[name] for name in _LISTED},
            "weights": self.training.result_hash,
            "result_hash": self.test.result_hash,
            "operations": {
                "training": self.training.operation,
                "in_sample": self.in_sample.manifest["operation"],
                "test": self.test.manifest["operation"],
            },
        }


@dataclass(frozen=True, eq=False)
class WalkForwardResult(OutcomeResult):
    """The result of a walk-forward, whichever process ran it.

    Its summary has the ``metrics`` of the joined tests, and the ``folds``; its hash is over weights and ledgers of all.

    Args:
        outcome: hash, identity, figures, manifest and warnings, as the store keeps them.
        tests: returns the results of the tests in order; they are read when a frame is asked for.
    """

    tests: Callable[[], Sequence[BacktestResults]]

    @classmethod
    def of(
        cls, runs: Sequence[FoldRuns], *, identity: str, manifest: Json, notices: tuple[str, ...]
    ) -> WalkForwardResult:
        """Returns the result that the parts of all folds make."""
        capital = float(manifest["initial_capital"])
        tests = Stitched([one.test for one in runs], capital)
        inside = Stitched([one.in_sample for one in runs], capital)
        folds = [one.facts(number) for number, one in enumerate(runs, 1)]
        profits = sum(one.test.final_equity > capital for one in runs)
        summary = {
            "metrics": tests.metrics(),
            **comparison(tests, inside),
            "profitable_folds": profits / len(runs),
            "folds": folds,
        }
        # Ids of operations and names of models change when a walk-forward is repeated; its result does not.
        decided = {name: summary[name] for name in summary if name != "folds"}
        parts = [[one.training.result_hash, one.in_sample.result_hash, one.test.result_hash] for one in runs]
        hashed = json.dumps([decided, parts], sort_keys=True, allow_nan=False).encode()
        warnings = dict.fromkeys((*notices, *_warnings(runs)))
        found = Outcome(bytes(_core.content_hash([hashed])).hex(), identity, summary, manifest, tuple(warnings))
        return cls(found, lambda: [one.test for one in runs])

    def __repr__(self) -> str:
        metrics = self.metrics
        folds = len(self.folds)
        ratio = "none" if metrics["sharpe"] is None else f"{metrics['sharpe']:.2f}"
        share = f"{round(self.summary['profitable_folds'] * folds)} of {folds} folds profitable"
        return f"<WalkForwardResult: total return {100 * metrics['total_return']:.2f} %, sharpe {ratio}, {share}>"

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Returns the figures of the joined tests."""
        found: Json = self.summary["metrics"]
        return found

    @property
    def folds(self) -> Sequence[Mapping[str, Any]]:
        """Returns spans, model, figures and operations of each fold."""
        found: Sequence[Mapping[str, Any]] = self.summary["folds"]
        return found

    @cached_property
    def _stitched(self) -> Stitched:
        return Stitched(self.tests(), float(self.manifest["initial_capital"]))

    @property
    def equity(self) -> pl.DataFrame:
        """Returns time, fold and equity, a row for each bar of a test."""
        return self._stitched.equity

    def report(self, path: str | Path) -> Path:
        """Writes the result as one HTML file that needs no network, and returns its path.

        Raises ``LibraryMissing`` without the extra ``ktrdr[report]``, and ``OutputNotWritable``.
        """
        return write_page(report_of("walkforward")(self), Path(path))

    @property
    def returns(self) -> Floats:
        """Returns the daily returns of all tests [n, float64, rate]."""
        return self._stitched.returns


def _warnings(runs: Sequence[FoldRuns]) -> list[str]:
    """Returns the warnings of the parts, each once, with the folds that have it."""
    found: dict[str, list[int]] = {}
    for number, one in enumerate(runs, 1):
        for line in dict.fromkeys((*one.training.warnings, *one.test.warnings)):
            found.setdefault(line, []).append(number)
    return [
        line if len(folds) == len(runs) else f"fold {', '.join(map(str, folds))}: {line}"
        for line, folds in found.items()
    ]
