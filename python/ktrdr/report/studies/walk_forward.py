"""The report of a walk-forward: the joined equity of all tests, and each fold in and out of its sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ktrdr.analysis.walk_forward.result import WalkForwardResult
from ktrdr.analysis.walk_forward.shown import headline, remarks
from ktrdr.report.figures import Band, Line, Panel, columns, stack
from ktrdr.report.studies.study import StudyPart, parts_of, study_page
from ktrdr.report.tables import Cell, Grid, flat, number
from ktrdr.simulation.metrics import label, value_text

_ROWS = 700
_PARTS = {"in_sample": "in", "test": "out"}


def walk_forward_report(result: WalkForwardResult, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a completed walk-forward; it needs no bars. A fold's test has a report with its trades."""
    manifest = {name: value for name, value in result.manifest.items() if name != "warnings"}
    subtitle = f"{headline(result.manifest)}, result {result.result_hash[:12]}"
    parts = [
        *_equity(result),
        *_figures(result),
        *parts_of(remarks(result)),
        StudyPart("Figures of the joined tests", _metrics(result)),
        StudyPart(
            "Runs of each fold",
            Grid(_FOLD_HEADINGS, [[Cell(cell) for cell in _operations(fold)] for fold in result.folds]),
        ),
        StudyPart("Manifest", flat(manifest)),
    ]
    title = " ".join(str(manifest[name]) for name in ("strategy", "symbol", "timeframe"))
    return study_page(f"Walk-forward {title}", subtitle, result.warnings, parts)


_FOLD_HEADINGS = tuple(map(Cell, ("fold", "trained from", "until", "model", "training", "in-sample run", "test run")))


def _operations(fold: Mapping[str, Any]) -> list[str]:
    ids = [str(fold["operations"].get(name) or "-") for name in ("training", "in_sample", "test")]
    return [str(fold["fold"]), str(fold["train_from"])[:10], str(fold["train_until"])[:10], str(fold["model"]), *ids]


def _metrics(result: WalkForwardResult) -> Grid:
    rows = [(Cell(label(name)), number(value_text(name, value))) for name, value in result.metrics.items()]
    return Grid((Cell("metric"), number("value")), rows)


def _equity(result: WalkForwardResult) -> Iterator[StudyPart]:
    from markupsafe import Markup

    frame = result.equity
    if frame.is_empty():
        return
    shown = frame.gather_every(max(1, -(-frame.height // _ROWS)))
    numbers = shown["fold"].to_list()
    bands = tuple(
        Band(numbers.index(fold), len(numbers) - 1 - numbers[::-1].index(fold), f"fold {fold}")
        for fold in dict.fromkeys(numbers)
    )
    name = "Equity of all tests, one after the other"
    lines = (Line(shown["equity"].to_numpy(), "curve"),)
    panel = Panel(name, 220, lines, lambda value: f"{value:,.10g}", bands=bands)
    yield StudyPart("Equity", None, (Markup(stack([panel], shown["time"].dt.strftime("%Y-%m-%d").to_list(), name)),))


def _figures(result: WalkForwardResult) -> Iterator[StudyPart]:
    from markupsafe import Markup

    # Side by side on one scale: two pictures would each fill their own.
    pairs = [(fold["fold"], part, fold[part]["sharpe"] or 0.0) for fold in result.folds for part in _PARTS]
    names = [f"{fold} {_PARTS[part]}" for fold, part, _ in pairs]
    title = "Sharpe ratio by fold, in sample and out of sample"
    picture = columns(names, [float(value) for *_, value in pairs], lambda value: f"{value:.3g}", title)
    line = "Sharpe ratio by fold, in sample and out of sample; an undefined one is drawn as 0."
    yield StudyPart("In and out of sample", None, (Markup(picture),), (line,))
