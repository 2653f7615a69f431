"""Operations: runs that survive in a database. Names are imported when first used, SQLAlchemy with the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr._lazy import lazy_names

if TYPE_CHECKING:
    from ktrdr.analysis.sweep.foreground import sweep
    from ktrdr.analysis.walk_forward.foreground import walk_forward
    from ktrdr.backtesting.job.foreground import run
    from ktrdr.backtesting.job.stored import stored_results
    from ktrdr.decision.job.foreground import paper
    from ktrdr.operations.kind import Kind
    from ktrdr.operations.models import Operation, Status
    from ktrdr.operations.owner import Owner
    from ktrdr.operations.running.foreground import resume
    from ktrdr.operations.store.store import Store
    from ktrdr.research.job.foreground import research
    from ktrdr.training.job.foreground import train

KINDS: dict[str, str] = {
    "assessment": "ktrdr.research.job.assess:KIND",
    "backtest": "ktrdr.backtesting.job.kind:KIND",
    "design": "ktrdr.research.job.design:KIND",
    "paper": "ktrdr.decision.job.kind:KIND",
    "research": "ktrdr.research.job.kind:KIND",
    "sweep": "ktrdr.analysis.sweep.kind:KIND",
    "training": "ktrdr.training.job.kind:KIND",
    "walkforward": "ktrdr.analysis.walk_forward.kind:KIND",
}
"""The registration of every kind of operation: its name and the ``module:object`` that is a `Kind`."""

REPORTS: dict[str, str] = {
    "backtest": "ktrdr.report.backtest:backtest_report",
    "paper": "ktrdr.report.backtest:backtest_report",
    "research": "ktrdr.report.studies.research:research_report",
    "sweep": "ktrdr.report.studies.sweep.page:sweep_report",
    "training": "ktrdr.report.studies.training:training_report",
    "walkforward": "ktrdr.report.studies.walk_forward:walk_forward_report",
}
"""The registration of reports: the name of a kind, and the ``module:object`` that is a `Report` of its results."""

NOTEBOOK = "ktrdr.report.notebook:shown"
"""The function that gives the face of a backtest's result in a notebook."""

EXPLANATION = "ktrdr.analysis.explanation.explain:explain"
"""The function that says why a backtest traded."""

LAZY = {
    "Kind": "ktrdr.operations.kind:Kind",
    "Operation": "ktrdr.operations.models:Operation",
    "Owner": "ktrdr.operations.owner:Owner",
    "Status": "ktrdr.operations.models:Status",
    "Store": "ktrdr.operations.store.store:Store",
    "paper": "ktrdr.decision.job.foreground:paper",
    "research": "ktrdr.research.job.foreground:research",
    "resume": "ktrdr.operations.running.foreground:resume",
    "run": "ktrdr.backtesting.job.foreground:run",
    "stored_results": "ktrdr.backtesting.job.stored:stored_results",
    "sweep": "ktrdr.analysis.sweep.foreground:sweep",
    "train": "ktrdr.training.job.foreground:train",
    "walk_forward": "ktrdr.analysis.walk_forward.foreground:walk_forward",
}

# Spelled out for type checkers, which do not evaluate `sorted(LAZY)`.
__all__ = [
    "KINDS",
    "Kind",
    "Operation",
    "Owner",
    "Status",
    "Store",
    "paper",
    "research",
    "resume",
    "run",
    "stored_results",
    "sweep",
    "train",
    "walk_forward",
]

if not TYPE_CHECKING:
    # Hidden from type checkers, for which a module with `__getattr__` has every name.
    __getattr__, __dir__ = lazy_names(globals(), LAZY)
