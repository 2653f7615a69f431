"""A model as people read it: facts, splits, losses by epoch, confusion or errors, warnings; for terminals and pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ktrdr._types import Json
from ktrdr.errors import ModelFormat, ModelNotFound
from ktrdr.neural.bundle import changed_files, read_metrics
from ktrdr.neural.metadata import BundleMetadata, doubts
from ktrdr.neural.storage import StoredModel
from ktrdr.operations.kind import Section
from ktrdr.text import bar, sparkline
from ktrdr.time import Span, iso

_CURVE_WIDTH = 48
_BAR_WIDTH = 24


def model_row(stored: StoredModel) -> dict[str, Any]:
    """Returns the facts by which a list tells models apart, JSON-ready."""
    facts: BundleMetadata = stored.metadata
    kinds = {True: "synthetic", False: "real", None: "unknown"}
    return {
        "id": stored.id,
        "kind": facts.model.type,
        "symbols": list(facts.symbols),
        "timeframes": [timeframe.value for timeframe in facts.timeframes],
        "span": _days(facts.training_span),
        "bars": kinds[facts.synthetic],
        "of_fold": facts.of_fold,
    }


def model_facts(stored: StoredModel) -> dict[str, Any]:
    """Returns everything that a bundle says of its net and its training, JSON-ready."""
    facts = stored.metadata
    history = _history(stored)
    return {
        **model_row(stored),
        "strategy": facts.strategy_name,
        "output": facts.output_type,
        "features": list(facts.resolved_features),
        "training": dict(facts.run),
        "metrics": dict(facts.metrics),
        "splits": history.get("splits", {}),
        "judged": history.get("judged", {}),
        "best_epoch": history.get("best_epoch"),
        "epochs": history.get("epochs", []),
        "versions": dict(facts.versions),
        "warnings": list(dict.fromkeys((*_damage(stored), *facts.warnings, *doubts(facts.metrics)))),
        "bytes": sum(file.stat().st_size for file in stored.path.iterdir()),
    }


def model_sections(facts: Json, *, drawn: bool) -> list[Section]:
    """Returns the parts that people read of a model.

    Args:
        facts: of `model_facts`; with a ``folder`` for somebody who can reach it.
        drawn: True for curves and bars beside the numbers.
    """
    return [
        Section("", None, lines=[f"model {facts['id']}"]),
        _facts(facts),
        *_splits(facts["splits"]),
        *_losses(facts["epochs"], facts["best_epoch"], drawn=drawn),
        *(part for name, judged in facts["judged"].items() for part in _judged(name, judged, drawn=drawn)),
        *_metrics(facts),
        Section("", None, lines=[f"warning: {one}" for one in facts["warnings"]]),
    ]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Section:
    return Section("", None, headings=headings, rows=rows)


def _damage(stored: StoredModel) -> list[str]:
    """Returns a warning for each file of a bundle that is no longer what its training wrote."""
    changed = changed_files(stored.path, stored.metadata)
    return [f"{stored.id}/{name} is missing or was changed after the training: no run loads it" for name in changed]


def _history(stored: StoredModel) -> Mapping[str, Any]:
    """Returns losses, splits and judgement of a bundle; an older or foreign one may have none of them."""
    try:
        return read_metrics(stored.path)
    except (ModelFormat, ModelNotFound):
        return {}


def _days(span: Span | None) -> str:
    if span is None or span.start_ns is None or span.end_ns is None:
        return "unknown"
    return f"{iso(span.start_ns)[:10]} to {iso(span.end_ns - 1)[:10]}"  # the last bar ends where the next day begins


def _facts(data: Mapping[str, Any]) -> Section:
    rows = [
        ("strategy", data["strategy"]),
        ("net", f"{data['kind']}, {data['output']}, {len(data['features'])} features"),
        ("symbols", ", ".join(data["symbols"])),
        ("timeframes", ", ".join(data["timeframes"])),
        ("trained on", f"{data['span']}, {data['bars']} bars"),
        *([("use", "of a walk-forward's fold: no run takes it unless --model names it")] if data["of_fold"] else []),
        *((name.replace("_", " "), _text(value)) for name, value in data["training"].items()),
        ("size", f"{data['bytes']:,} bytes"),
        *([("folder", data["folder"])] if "folder" in data else []),
    ]
    return _table(("", ""), rows)


def _splits(splits: Mapping[str, Any]) -> Iterator[Section]:
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
    yield _table(["split", "rows", "separate label spans", "from", "labels known", *headings], rows)


def _losses(epochs: Sequence[Mapping[str, Any]], best_epoch: int | None, *, drawn: bool) -> Iterator[Section]:
    """Yields first, best and last loss of training and validation, and on a terminal their curves."""
    if not best_epoch or not all({"train_loss", "validation_loss"} <= epoch.keys() for epoch in epochs):
        return
    curves = {part: [float(epoch[f"{part}_loss"]) for epoch in epochs] for part in ("train", "validation")}
    headings = ["loss", "first epoch", f"best epoch {best_epoch}", f"last epoch {len(epochs)}"]
    rows = []
    for part, curve in curves.items():
        drawing = [sparkline(curve, _CURVE_WIDTH)] if drawn else []
        rows.append([part, *(f"{curve[at]:.6g}" for at in (0, best_epoch - 1, -1)), *drawing])
    yield _table([*headings, "by epoch, each on its own scale"] if drawn else headings, rows)


def _judged(name: str, judged: Mapping[str, Any], *, drawn: bool) -> Iterator[Section]:
    what = "class" if "confusion" in judged else "sign"
    right = f"loss {judged['loss']:.6g}, {judged['accuracy']:.1%} of the rows with the right {what}"
    commonest = f"always naming the commonest {what}: {judged['majority_share']:.1%}"
    yield Section("", None, lines=[f"{name}: {right}; {commonest}".replace("%", " %")])
    if "confusion" in judged:
        yield _confusion(judged["confusion"])
    elif "errors" in judged:
        errors = judged["errors"]
        mean = f"error {errors['mean']:.3g} on average, {errors['mean_size']:.3g} in size (output less target)"
        yield Section("", None, lines=[f"{name}: {mean}"])
        yield _errors(errors, drawn=drawn)


def _confusion(confusion: Mapping[str, Mapping[str, int]]) -> Section:
    """Returns rows of each actual class by the name that the net gave them, with the share of right names."""
    kinds = list(confusion)
    rows = []
    for actual in kinds:
        named = confusion[actual]
        rows.append([actual, *(f"{named[kind]:,}" for kind in kinds), _share(named[actual], sum(named.values()))])
    named_so = {kind: sum(confusion[actual][kind] for actual in kinds) for kind in kinds}
    rows.append(["right of those named so", *(_share(confusion[kind][kind], named_so[kind]) for kind in kinds), ""])
    return _table(["actual", *(f"named {kind}" for kind in kinds), "right"], rows)


def _errors(errors: Mapping[str, Any], *, drawn: bool) -> Section:
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
    return _table(["error", "rows", *([""] if drawn else [])], rows)


def _metrics(data: Mapping[str, Any]) -> Iterator[Section]:
    """Yields the figures of an older bundle, which has no judgement."""
    rows = [(name.replace("_", " "), _text(value)) for name, value in data["metrics"].items()]
    if rows and not data["judged"]:
        yield _table(("metric", "value"), rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "none"


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)
