"""``ktrdr models``: lists the model bundles of the data folder."""

from __future__ import annotations

from typing import Any

from ktrdr.cli.output import CommandResult, Table
from ktrdr.data.store.repository import Repository
from ktrdr.neural.storage import ModelStorage
from ktrdr.time import Span, iso


def models() -> CommandResult:
    """List the trained models."""
    stored = [_row(model) for model in ModelStorage(Repository().models_dir).models()]
    rows = [
        (one["id"], one["kind"], ", ".join(one["symbols"]), ", ".join(one["timeframes"]), one["span"], one["bars"])
        for one in stored
    ]
    table = Table(("model", "net", "symbols", "timeframes", "trained on", "bars"), rows)
    return CommandResult({"models": stored}, [table] if rows else ["no models yet: `ktrdr train` makes one"])


def _row(model: Any) -> dict[str, Any]:
    facts = model.metadata
    kinds = {True: "synthetic", False: "real", None: "unknown"}
    return {
        "id": model.id,
        "kind": facts.model.type,
        "symbols": list(facts.symbols),
        "timeframes": [timeframe.value for timeframe in facts.timeframes],
        "span": _days(facts.training_span),
        "bars": kinds[facts.synthetic],
    }


def _days(span: Span | None) -> str:
    if span is None or span.start_ns is None or span.end_ns is None:
        return "unknown"
    return f"{iso(span.start_ns)[:10]} to {iso(span.end_ns - 1)[:10]}"  # the last bar ends where the next day begins
