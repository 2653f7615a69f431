"""The result of a completed operation: warnings, metrics by group of the catalogue, and the sections of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ktrdr import _core
from ktrdr._types import Json
from ktrdr.analysis.doubt import logged_beside
from ktrdr.backtesting.job.sections import trade_list
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.kind import Section, kind_of
from ktrdr.operations.models import LoggedTrial, Operation, Result
from ktrdr.operations.store.store import Store
from ktrdr.report.tables import flat
from ktrdr.simulation.metrics import headline_names, label, names_by_kind, value_text
from ktrdr.time import iso

MOST_TRADES = 200
_CARD_DIGITS = 4


@dataclass(frozen=True)
class Metric:
    """A metric with its words from the core's catalogue; ``better`` is empty where neither direction is."""

    label: str
    text: str
    better: str
    definition: str

    @classmethod
    def of(cls, name: str, text: str = "") -> Metric:
        """Returns a metric with a value as text; one that the catalogue lacks has no definition."""
        known = _core.METRICS.get(name, {"better": "none", "definition": ""})
        return cls(label(name), text, "" if known["better"] == "none" else known["better"], known["definition"])


@dataclass(frozen=True)
class Shown:
    """A result as a page shows it.

    Args:
        headline: one line about it.
        warnings: one line for each thing to mind.
        cards: the metrics that a person must see.
        groups: every metric, by group of the catalogue.
        sections: the other parts of the kind's report, those that hold nothing for people left out.
        trades: the first closed trades of a backtest, and the number of all; None for other kinds.
        trials: the trials on the bars of a backtest, or of that of a research, newest first.
        manifest: dotted names and values of all that it was made from.
    """

    headline: str
    warnings: Sequence[str]
    cards: Sequence[Metric]
    groups: Mapping[str, Sequence[Metric]]
    sections: Sequence[Section]
    trades: Section | None
    trade_count: int
    trials: Sequence[Sequence[str]]
    manifest: Sequence[tuple[str, str]]
    problem: str = ""


def shown_result(store: Store, operation: Operation) -> Shown:
    """Returns the result of a completed operation; raises the ``KtrdrError`` leaf of one that is damaged."""
    kind = kind_of(operation.kind)
    result = kind.result(store, operation.id)
    metrics = _catalogued(result.summary)
    cards = _catalogued(result.summary, _CARD_DIGITS)
    groups = names_by_kind(metrics)
    backtest = result if isinstance(result, BacktestResults) else None
    judged = _backtest_of(store, result) if operation.kind == "research" else backtest
    return Shown(
        headline=kind.headline(result.manifest),
        warnings=result.warnings,
        cards=[cards[name] for name in headline_names() if name in cards],
        groups={group: [metrics[name] for name in names] for group, names in groups.items()},
        sections=[it for it in (*kind.remarks(result), *kind.sections(result)) if _is_for_people(it, groups)],
        trades=None if backtest is None else trade_list(backtest.trades.head(MOST_TRADES)),
        trade_count=0 if backtest is None else backtest.trades.height,
        trials=() if judged is None else [_trial(one) for one in reversed(logged_beside(store, judged))],
        manifest=[(name.text, value.text) for name, value in flat(_manifest(result)).rows],
    )


def _backtest_of(store: Store, cycle: Result) -> BacktestResults | None:
    """Returns the backtest that a cycle has judged; None where the training gate failed before it."""
    name = cycle.manifest["parts"].get("backtest")
    return None if name is None else stored_results(store, name)


def _catalogued(summary: Json, digits: int = 6) -> dict[str, Metric]:
    """Returns the metrics of the core's catalogue that a summary has, by name."""
    found = {name: value for name, value in summary.get("metrics", {}).items() if name in _core.METRICS}
    return {name: Metric.of(name, value_text(name, it, summary.get("undefined"), digits)) for name, it in found.items()}


def _is_for_people(section: Section, groups: Mapping[str, object]) -> bool:
    """Returns False for data without words, and for a table of metrics, which the page has with definitions."""
    is_of_metrics = not section.name and bool(section.headings) and section.headings[0] in groups
    return bool(section.lines or section.rows) and not is_of_metrics


def _trial(one: LoggedTrial) -> tuple[str, ...]:
    trial = one.trial
    metrics = trial.facts.get("metrics", {})
    figures = (value_text(name, metrics.get(name), digits=3) for name in ("sharpe", "total_return", "trades"))
    count = trial.facts.get("scenarios")
    strategy = f"{trial.facts.get('strategy', '')}{'' if count is None else f', best of {count:,} scenarios'}"
    return (one.operation_id, strategy, iso(trial.from_ns)[:10], iso(trial.until_ns)[:10], *figures)


def _manifest(result: Result) -> dict[str, object]:
    found = {"result_hash": result.result_hash, **result.manifest}
    return {name: value for name, value in found.items() if name != "warnings"}
