"""The report of a research cycle: verdict, gates and losses as pictures, stages, figures, design, what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ktrdr.data.store.repository import Repository
from ktrdr.errors import KtrdrError
from ktrdr.neural.bundle import read_metrics
from ktrdr.neural.storage import ModelStorage
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Result
from ktrdr.report.figures import interval_line
from ktrdr.report.studies.study import StudyPart, metric_grid, parts_of, study_page
from ktrdr.report.studies.training import losses
from ktrdr.report.tables import flat

_BASIS_POINTS = 1e4


def research_report(result: Result, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a completed cycle; its training and its backtest have pages as well."""
    kind = kind_of("research")
    found = result.manifest
    summary = result.summary
    parts = [
        *_intervals(found["gates"]),
        *_losses(found["model"], data_dir),
        *parts_of([*kind.remarks(result), *kind.sections(result)]),
    ]
    if summary.get("metrics"):
        parts.append(StudyPart("Backtest", metric_grid(summary["metrics"], summary.get("undefined", {}))))
    parts.append(StudyPart("Manifest", flat({name: value for name, value in found.items() if name != "assessment"})))
    return study_page(str(found["brief"]), kind.headline(found), result.warnings, parts)


def _intervals(gates: list[Mapping[str, Any]]) -> Iterator[StudyPart]:
    """Yields the interval of each gate that has one, beside 0: a reader sees by how much it passed or failed."""
    from markupsafe import Markup

    for gate in gates:
        figures = gate["figures"]
        if "lower" not in figures:
            continue
        lower, mean, upper = (_BASIS_POINTS * figures[name] for name in ("lower", "mean", "upper"))
        words = f"{gate['name']} gate {'passed' if gate['passed'] else 'failed'}"
        name = "Signal times return of the next tradable bar, in basis points: mean and 95 % interval"
        picture = interval_line(lower, mean, upper, lambda value: f"{value:.3g} bp", name)
        yield StudyPart(f"{words[:1].upper()}{words[1:]}", None, (Markup(picture),), (f"{name}.", gate["reason"]))


def _losses(model: str | None, data_dir: Path | None) -> Iterator[StudyPart]:
    if model is None:
        return
    try:
        metrics = read_metrics(ModelStorage(Repository(data_dir).models_dir).find(model).path)
    except KtrdrError as error:
        yield StudyPart("Losses", lines=(f"Drawn without losses: {error}",))
        return
    yield from losses(metrics)
