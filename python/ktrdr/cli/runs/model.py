"""A model as ``ktrdr models show`` prints it: facts, splits, losses by epoch, confusion or errors, warnings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ktrdr.cli.drawing import bar, sparkline
from ktrdr.cli.output import Table

_CURVE_WIDTH = 48
_BAR_WIDTH = 24


def shown_model(data: Mapping[str, Any]) -> list[str | Table]:
    """Returns the parts for the object of ``ktrdr models show --json``; curves and bars only on a terminal."""
    drawn = sys.stdout.isatty()
    return [
        f"model {data['id']}",
        _facts(data),
        *_splits(data["splits"]),
        *_losses(data["epochs"], data["best_epoch"], drawn=drawn),
        *(part for name, judged in data["judged"].items() for part in _judged(name, judged, drawn=drawn)),
        *_metrics(data),
        *(f"warning: {one}" for one in data["warnings"]),
    ]


def _facts(data: Mapping[str, Any]) -> Table:
    rows = [
        ("strategy", data["strategy"]),
        ("net", f"{data['kind']}, {data['output']}, {len(data['features'])} features"),
        ("symbols", ", ".join(data["symbols"])),
        ("timeframes", ", ".join(data["timeframes"])),
        ("trained on", f"{data['span']}, {data['bars']} bars"),
        *((name.replace("_", " "), _text(value)) for name, value in data["training"].items()),
        ("size", f"{data['bytes']:,} bytes"),
        ("folder", data["folder"]),
    ]
    return Table(("", ""), rows)


def _splits(splits: Mapping[str, Any]) -> Iterator[Table]:
    """Yields a row for each split: its size, its span, and its classes or targets."""
    if not splits:
        return
    kinds = list(next(iter(splits.values())).get("classes", ()))
    headings = kinds or ["mean target", "deviation"]
    rows = []
    for name, split in splits.items():
        targets = split.get("classes") or split["target"]
        cells = [f"{value:,}" if kinds else f"{value:.4g}" for value in targets.values()]
        spans = (split["first"][:10], split["labels_known"][:10])
        rows.append([name, f"{split['rows']:,}", f"{split['label_spans']:,}", *spans, *cells])
    yield Table(["split", "rows", "separate label spans", "from", "labels known", *headings], rows)


def _losses(epochs: Sequence[Mapping[str, Any]], best_epoch: int | None, *, drawn: bool) -> Iterator[Table]:
    """Yields first, best and last loss of training and validation, and on a terminal their curves."""
    if not best_epoch or not all({"train_loss", "validation_loss"} <= epoch.keys() for epoch in epochs):
        return
    curves = {part: [float(epoch[f"{part}_loss"]) for epoch in epochs] for part in ("train", "validation")}
    headings = ["loss", "first epoch", f"best epoch {best_epoch}", f"last epoch {len(epochs)}"]
    rows = []
    for part, curve in curves.items():
        drawing = [sparkline(curve, _CURVE_WIDTH)] if drawn else []
        rows.append([part, *(f"{curve[at]:.6g}" for at in (0, best_epoch - 1, -1)), *drawing])
    yield Table([*headings, "by epoch, each on its own scale"] if drawn else headings, rows)


def _judged(name: str, judged: Mapping[str, Any], *, drawn: bool) -> Iterator[str | Table]:
    what = "class" if "confusion" in judged else "sign"
    right = f"loss {judged['loss']:.6g}, {judged['accuracy']:.1%} of the rows with the right {what}"
    commonest = f"always naming the commonest {what}: {judged['majority_share']:.1%}"
    yield f"{name}: {right}; {commonest}".replace("%", " %")
    if "confusion" in judged:
        yield _confusion(judged["confusion"])
    elif "errors" in judged:
        errors = judged["errors"]
        yield f"{name}: error {errors['mean']:.3g} on average, {errors['mean_size']:.3g} in size (output less target)"
        yield _errors(errors, drawn=drawn)


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> Table:
    """Returns rows of each actual class by the name that the net gave them, with the share of right names."""
    kinds = list(confusion)
    rows = []
    for actual in kinds:
        named = confusion[actual]
        rows.append([actual, *(f"{named[kind]:,}" for kind in kinds), _share(named[actual], sum(named.values()))])
    named_so = {kind: sum(confusion[actual][kind] for actual in kinds) for kind in kinds}
    rows.append(["right of those named so", *(_share(confusion[kind][kind], named_so[kind]) for kind in kinds), ""])
    return Table(["actual", *(f"named {kind}" for kind in kinds), "right"], rows)


def _errors(errors: Mapping[str, Any], *, drawn: bool) -> Table:
    edges = [f"{edge:.3g}" for edge in errors["edges"]]
    bins = [
        f"below {edges[0]}",
        *(f"{low} to {high}" for low, high in pairwise(edges)),
        f"from {edges[-1]}",
    ]
    most = max(errors["counts"])
    rows = [
        [name, f"{count:,}", *([bar(count / most if most else 0.0, _BAR_WIDTH)] if drawn else [])]
        for name, count in zip(bins, errors["counts"], strict=True)
    ]
    return Table(["error", "rows", *([""] if drawn else [])], rows)


def _metrics(data: Mapping[str, Any]) -> Iterator[Table]:
    """Yields the figures of an older bundle, which has no judgement."""
    rows = [(name.replace("_", " "), _text(value)) for name, value in data["metrics"].items()]
    if rows and not data["judged"]:
        yield Table(("metric", "value"), rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "none"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
