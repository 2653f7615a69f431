"""Requests and results of trainings as lists, pages and the command line print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr._types import Json
from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import Change, Section, Shown, changes
from ktrdr.operations.models import Result
from ktrdr.strategy.overrides import with_training
from ktrdr.strategy.rules import flat_rules
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.submitted import known_strategy, request_fields, request_title
from ktrdr.text import dates_text
from ktrdr.training.run.result import TrainResult

_BARS = ("bars ", "context ")
_SWITCHED = ("early_stopping", "lr_scheduler")
"""Sections that are off where they are absent."""
_LISTED = ("validation_loss", "test_accuracy")


def shown(spec: Json) -> Shown:
    """Returns strategy, symbols, timeframe, dates, and the training rules that differ from the strategy's file.

    A spec that this version cannot read is shown as far as it can be read.
    """
    strategy = known_strategy(str(spec.get("strategy_text", "")))
    fields = request_fields(spec)
    span = dates_text(fields["start_date"], fields["end_date"])
    seed = "" if spec.get("seed") is None else f"seed {spec['seed']}"
    device = "" if spec.get("device", "auto") == "auto" else str(spec["device"])
    detail = ", ".join(filter(None, (span, seed, device)))
    return Shown(
        request_title(fields, "training"), detail, fields, {} if strategy is None else _changes(spec, strategy)
    )


def figures(summary: Json) -> dict[str, float | int | None]:
    """Returns the validation loss of the best epoch, and the share of test rows with the right class or sign."""
    metrics = summary.get("metrics", {})
    return {name: metrics[name] for name in _LISTED if name in metrics}


def headline(manifest: Json) -> str:
    """Returns the model, and what it was trained on; says where an equal training had made it before."""
    made = "" if manifest["is_new"] else "; reused: an earlier training with the same inputs made it"
    on = f"{', '.join(manifest['symbols'])} {manifest['timeframe']}, {manifest['start']} to {manifest['end']}"
    return f"model {manifest['model']}, trained on {on}{made}"


def remarks(result: Result) -> list[Section]:
    """Returns the model's id, the hash of its weights, and rows, losses and hit rates by split."""
    rows = tuple((name, _text(value)) for name, value in result.summary["metrics"].items())
    return [
        Section("model", result.summary["model"]),
        Section("is_new", result.manifest["is_new"]),
        Section("weights_sha256", result.manifest["metadata"]["hashes"].get("model.safetensors")),
        Section("", None, headings=("metric", "value"), rows=rows),
    ]


def inputs(result: TrainResult) -> dict[str, Any]:
    """Returns all that a net was made from, by dotted name: features, training rules, bars, run, versions."""
    facts = result.metadata
    bars = {name: value for name, value in facts.identity.get("parts", {}).items() if name.startswith(_BARS)}
    span = result.manifest
    return {
        "symbols": ", ".join(facts.symbols),
        "timeframe": facts.base_timeframe.value,
        "start": span["start"],
        "end": span["end"],
        **{f"run.{name}": value for name, value in facts.run.items()},
        **flat_rules({"training": result.rules}),
        **{f"strategy.{name}": value for name, value in flat_rules(facts.feature_part).items()},
        **{f"versions.{name}": value for name, value in facts.versions.items()},
        **{f"content of {name}": value[:12] for name, value in bars.items()},
    }


def _changes(spec: Json, strategy: Strategy) -> dict[str, Change]:
    if not spec.get("training"):
        return {}
    try:
        changed = with_training(strategy, spec["training"])
    except KtrdrError:
        return {}
    run, file = (each.training.canonical() for each in (changed, strategy))
    found = changes(flat_rules({"training": run}), flat_rules({"training": file}))
    for section in (f"training.{name}" for name in _SWITCHED if name in file and name not in run):
        found = {name: change for name, change in found.items() if not name.startswith(f"{section}.")}
        found[section] = Change(run="off", file="on")
    return found


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(_parts(value)) if isinstance(value, Mapping) else str(value)


def _parts(values: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name} {_text(value)}" for name, value in values.items())
