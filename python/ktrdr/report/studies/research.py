"""The report of a research cycle: verdict, gates, stages, figures, design, and what to try next."""

from __future__ import annotations

from pathlib import Path

from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Result
from ktrdr.report.studies.study import StudyPart, metric_grid, parts_of, study_page
from ktrdr.report.tables import flat


def research_report(result: Result, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a completed cycle; its training and its backtest have pages as well."""
    kind = kind_of("research")
    found = result.manifest
    summary = result.summary
    parts = parts_of([*kind.remarks(result), *kind.sections(result)])
    if summary.get("metrics"):
        parts.append(StudyPart("Backtest", metric_grid(summary["metrics"], summary.get("undefined", {}))))
    parts.append(StudyPart("Manifest", flat({name: value for name, value in found.items() if name != "assessment"})))
    return study_page(str(found["brief"]), kind.headline(found), result.warnings, parts)
