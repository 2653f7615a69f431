"""The result of a training: the bundle of its net, whichever process wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ktrdr.neural.bundle import bundle_id
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.time import Span, iso


@dataclass(frozen=True)
class TrainResult:
    """A bundle, with the metrics of its net.

    Args:
        path: the bundle's directory.
        metadata: as written beside the weights.
        history: losses by epoch.
        rules: the training section in force, defaults filled in.
        is_new: False where an equal training had made the bundle before.
        operation: id of the operation; None for a call without a database.
        notices: lines about the operation, such as a checkpoint that was damaged.
    """

    path: Path
    metadata: BundleMetadata
    history: tuple[Mapping[str, Any], ...]
    rules: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = True
    operation: str | None = None
    notices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<TrainResult {self.model_id}: {len(self.history)} epochs, {len(self.warnings)} warnings>"

    @property
    def model_id(self) -> str:
        """Returns strategy and version, as ``--model`` takes it."""
        return bundle_id(self.path)

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Returns rows, losses and hit rates by split."""
        return self.metadata.metrics

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns the warnings a user should read before trusting the net."""
        return tuple(dict.fromkeys((*self.notices, *self.metadata.warnings)))

    @property
    def result_hash(self) -> str:
        """Returns one hash over the net as a run uses it: weights, features and their scaling."""
        return self.metadata.result_hash or ""

    @property
    def identity(self) -> str:
        """Returns one hash over all inputs, as hex: trainings of one identity have one ``result_hash``."""
        return str(self.metadata.identity.get("hash", ""))

    @property
    def summary(self) -> dict[str, Any]:
        """Returns the figures that the store keeps beside hash and manifest, JSON-ready."""
        return {"model": self.model_id, "metrics": dict(self.metrics), "epochs": len(self.history)}

    @property
    def manifest(self) -> dict[str, Any]:
        """Returns all that describes the training, JSON-ready: inputs, run, metadata of the bundle, history."""
        facts = self.metadata
        return {
            "identity": self.identity,
            "parts": dict(facts.identity.get("parts", {})),
            "operation": self.operation,
            "model": self.model_id,
            "is_new": self.is_new,
            "strategy": facts.strategy_name,
            "symbols": list(facts.symbols),
            "timeframe": facts.base_timeframe.value,
            **_span(facts.training_span),
            "rules": dict(self.rules),
            "metadata": facts.to_json(),
            "history": [dict(entry) for entry in self.history],
            "warnings": list(self.warnings),
        }


def _span(span: Span | None) -> dict[str, str | None]:
    """Returns the first instant of the training span, and the instant at which its last bar closes."""
    ends = (None, None) if span is None else (span.start_ns, span.end_ns)
    return {name: None if end is None else iso(end) for name, end in zip(("start", "end"), ends, strict=True)}
