"""The report of a training: losses, splits on the price chart, labels, classes, confusion or sizes of errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr.data.store.repository import Repository
from ktrdr.errors import KtrdrError, ModelError
from ktrdr.neural.bundle import bundle_id, read_config, read_metadata, read_metrics
from ktrdr.neural.metadata import BundleMetadata, doubts
from ktrdr.report.figures import Band, Line, Panel, columns, stack
from ktrdr.report.studies.study import StudyPart, study_page
from ktrdr.report.tables import Cell, Grid, flat, number
from ktrdr.simulation.metrics import rate_text
from ktrdr.time import iso
from ktrdr.training.labels import labels
from ktrdr.training.run.result import TrainResult

_ROWS = 700
_LABELLED_BARS = 250
_SHADES = (0.34, 0.67)


def training_report(result: TrainResult, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a completed training; ``explain`` adds nothing, since a training decides nothing."""
    return model_page(result.path, data_dir)


def model_page(path: Path, data_dir: Path | None = None) -> str:
    """Returns the page of a model bundle.

    Args:
        path: the bundle's folder.
        data_dir: folder of the bars; by default that of the settings.

    Raises ``ModelNotFound``, and ``ModelFormat`` for metadata that cannot be read.
    """
    facts = read_metadata(path)
    metrics = _metrics(path)
    span = facts.training_span
    ends = "" if span is None else f", {iso(span.start_ns or 0)} to {iso(span.end_ns or 0)}"
    fold = ", of a walk-forward's fold" if facts.of_fold else ""
    subtitle = f"{facts.model.type}, {facts.output_type}, trained on {', '.join(facts.symbols)}{ends}{fold}"
    warnings = dict.fromkeys((*facts.warnings, *doubts(facts.metrics)))
    parts = [
        *losses(metrics),
        *_pictures(path, facts, metrics.get("splits", {}), data_dir),
        *_splits(metrics.get("splits", {})),
        *(part for name, found in metrics.get("judged", {}).items() for part in _judged(name, found)),
        StudyPart("Training", flat({**facts.run, "metrics": facts.metrics, "versions": facts.versions})),
        StudyPart("Features", Grid((Cell("feature"),), [(Cell(name),) for name in facts.resolved_features])),
    ]
    return study_page(f"Model {bundle_id(path)}", subtitle, list(warnings), parts)


def _metrics(path: Path) -> Mapping[str, Any]:
    """Returns losses, splits and judgement of a bundle; an older or foreign one may have none of them."""
    try:
        return read_metrics(path)
    except ModelError:
        return {}


def losses(metrics: Mapping[str, Any]) -> Iterator[StudyPart]:
    """Yields the losses of each epoch as a picture and a table; nothing for a bundle that has none."""
    from markupsafe import Markup

    epochs = metrics.get("epochs", ())
    if not epochs or not all({"train_loss", "validation_loss"} <= epoch.keys() for epoch in epochs):
        return
    curves = [np.array([epoch[name] for epoch in epochs], np.float64) for name in ("train_loss", "validation_loss")]
    lines = [Line(curve, kind) for curve, kind in zip(curves, ("curve", "second"), strict=True)]
    name = "Loss by epoch: training, and validation (dashed)"
    picture = stack([Panel(name, 180, lines, lambda loss: f"{loss:.4g}")], _epochs(len(epochs)), name)
    best = metrics.get("best_epoch") or len(epochs)
    rows = [
        (Cell(part), *(number(f"{curve[at]:.6g}") for at in (0, best - 1, -1)))
        for part, curve in zip(("training", "validation"), curves, strict=True)
    ]
    headings = (Cell("loss"), number("first epoch"), number(f"best epoch {best}"), number(f"last epoch {len(epochs)}"))
    yield StudyPart("Losses", Grid(headings, rows), (Markup(picture),))


def _epochs(count: int) -> list[str]:
    return [f"epoch {number}" for number in range(1, count + 1)]


def _pictures(
    path: Path, facts: BundleMetadata, splits: Mapping[str, Any], data_dir: Path | None
) -> Iterator[StudyPart]:
    """Yields the splits on the prices, and labels at single bars; a sentence where the bars cannot be read."""
    from markupsafe import Markup

    span = facts.training_span
    if span is None:
        return
    symbol = facts.symbols[0]
    start, end = (None if end is None else iso(end) for end in (span.start_ns, span.end_ns))
    try:
        made = labels(read_config(path), symbol, start=start, end=end, data_dir=data_dir)
        stored = Repository(data_dir).load(symbol, facts.base_timeframe).to_frame()
    except KtrdrError as error:
        yield StudyPart("Splits and labels", lines=(f"Drawn without prices: {error}",))
        return
    frame = made.join(stored.select("timestamp", "close"), on="timestamp", how="inner")
    if frame.height < made.height:
        yield StudyPart("Splits and labels", lines=("Drawn without prices: bars of the training are not stored now.",))
        return
    words = f"{symbol} {facts.base_timeframe.value}"
    drawings = (Markup(_split_picture(frame, splits, words)), Markup(_label_picture(frame, words)))
    yield StudyPart("Splits and labels", drawings=drawings, lines=(_LABEL_WORDS,))


_LABEL_WORDS = (
    "A label is the net's task at that bar, made from later prices: blue up is BUY, orange down is SELL, no mark is "
    "HOLD. Bars between two splits are left out, since their labels overlap both."
)


def _split_picture(frame: pl.DataFrame, splits: Mapping[str, Any], words: str) -> str:
    every = max(1, -(-frame.height // _ROWS))
    shown = frame.gather_every(every)
    stamps = shown["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ").to_list()
    bands = []
    for name, split in splits.items():
        rows = [row for row, stamp in enumerate(stamps) if split["first"] <= stamp < split["labels_known"]]
        if rows:
            bands.append(Band(rows[0], rows[-1], name))
    name = f"Close of {words}, with the splits"
    panel = Panel(name, 190, (Line(shown["close"].to_numpy(), "price"),), _price, bands=tuple(bands))
    return stack([panel], [stamp[:10] for stamp in stamps], name)


def _label_picture(frame: pl.DataFrame, words: str) -> str:
    """Returns the last bars with known labels, each with its label; of a regression the targets as a second curve."""
    task = "label" if "label" in frame.columns else "target"
    known = frame.filter(pl.col(task).is_not_null()).tail(_LABELLED_BARS)
    times = known["timestamp"].dt.strftime("%m-%d %H:%M").to_list()
    closes = known["close"].to_numpy()
    name = f"Labels of the last {known.height} labelled bars of {words}"
    if task == "target":
        target = Panel("Target: the return that is learned", 90, (Line(known["target"].to_numpy(), "curve"),), _percent)
        return stack([Panel(name, 170, (Line(closes, "price"),), _price), target], times, name)
    sides = {0: (1, "up"), 2: (-1, "down")}
    marks = [
        (float(row), price, *sides[label])
        for row, (price, label) in enumerate(zip(closes.tolist(), known["label"].to_list(), strict=True))
        if label in sides
    ]
    return stack([Panel(name, 190, (Line(closes, "price"),), _price, marks)], times, name)


def _price(value: float) -> str:
    return f"{value:,.6g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _splits(splits: Mapping[str, Any]) -> Iterator[StudyPart]:
    """Yields rows, span and classes or targets of each split."""
    if not splits:
        return
    kinds = list(next(iter(splits.values())).get("classes", ()))
    headings = [Cell("split"), number("rows"), number("separate label spans"), Cell("from"), Cell("labels known")]
    headings += [number(name) for name in kinds or ("mean target", "deviation")]
    rows = [
        (
            Cell(name),
            number(f"{split['rows']:,}"),
            number(f"{split['label_spans']:,}"),
            Cell(split["first"][:10]),
            Cell(split["labels_known"][:10]),
            *(number(f"{value:,}" if kinds else f"{value:.4g}") for value in _targets(split)),
        )
        for name, split in splits.items()
    ]
    yield StudyPart("Splits and classes" if kinds else "Splits and targets", Grid(headings, rows))


def _targets(split: Mapping[str, Any]) -> list[float]:
    return list((split.get("classes") or split["target"]).values())


def _judged(name: str, judged: Mapping[str, Any]) -> Iterator[StudyPart]:
    what = "class" if "confusion" in judged else "sign"
    line = (
        f"Loss {judged['loss']:.6g}; {rate_text(judged['accuracy'])} of the rows with the right {what}. "
        f"Always naming the commonest {what}: {rate_text(judged['majority_share'])}."
    )
    if "confusion" in judged:
        yield StudyPart(f"Confusion, {name}", _confusion(judged["confusion"]), lines=(line,))
    elif "errors" in judged:
        errors = judged["errors"]
        size = f"Error {errors['mean']:.3g} on average, {errors['mean_size']:.3g} in size (output less target)."
        yield StudyPart(f"Errors, {name}", None, (_errors(errors, name),), (line, size))


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> Grid:
    """Returns counts of each actual class by the name that the net gave, shaded by their share of the class."""
    kinds = list(confusion)
    rows = [
        (Cell(actual), *(_shaded(named[kind], sum(named.values()), right=kind == actual) for kind in kinds))
        for actual, named in confusion.items()
    ]
    return Grid((Cell("actual"), *(number(f"named {kind}") for kind in kinds)), rows)


def _shaded(count: int, whole: int, *, right: bool) -> Cell:
    share = count / whole if whole else 0.0
    shade = 1 + sum(share > part for part in _SHADES)
    return Cell(f"{count:,}", f"number {'p' if right else 'n'}{shade}" if count else "number")


def _errors(errors: Mapping[str, Any], name: str) -> Any:
    from markupsafe import Markup

    edges: Sequence[float] = errors["edges"]
    names = [f"< {edges[0]:.2g}", *(f"{edge:.2g}" for edge in edges)]
    return Markup(columns(names, errors["counts"], lambda count: f"{count:,.0f}", f"Errors on the {name} rows"))
