"""The result of a backtest: the run's result, and a manifest of what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from ktrdr import _core
from ktrdr._types import Json
from ktrdr.backtesting import decision_function
from ktrdr.backtesting.identity import Parts, identity_of
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.model_bundle import ModelBundle, Seen
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.operations.registry import Explanation, explained
from ktrdr.profile import library_version
from ktrdr.simulation.result import RunResult
from ktrdr.strategy.in_force import RuleInForce, rules_in_force
from ktrdr.strategy.schema import Strategy
from ktrdr.time import iso


class RunIdentity(NamedTuple):
    """The identity of a run as hex: one hash over all inputs, and the named hash of each."""

    hash: str
    parts: Mapping[str, str]

    @classmethod
    def of(cls, parts: Parts) -> RunIdentity:
        """Returns the identity that named hashes make."""
        return cls(identity_of(parts).hex(), {name: value.hex() for name, value in parts})


class RunInputs(NamedTuple):
    """Strategy, normalised features and net of a run."""

    strategy: Strategy
    features: FeatureMatrix
    bundle: ModelBundle


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BacktestResults(RunResult):
    """Ledger and metrics of a backtest, with its manifest; the same class for a fresh and a stored run.

    Args:
        facts: the manifest without hashes, conventions and warnings.
        identify: returns the run's identity; hashing the inputs waits until it is asked for.
        inputs: those of a run in this process; None for a stored one, which reads them again.
    """

    facts: Json
    identify: Callable[[], RunIdentity]
    inputs: RunInputs | None = None

    @classmethod
    def of(
        cls,
        config: BacktestConfig,
        features: FeatureMatrix,
        bundle: ModelBundle,
        seen: Seen,
        simulation: RunResult,
        parts: Callable[[], Parts],
    ) -> BacktestResults:
        """Returns the result of a run that has reached its last bar.

        Args:
            config: the backtest.
            features: the feature matrix of the run.
            bundle: the model of the run.
            seen: what of the run's bars the model knows.
            simulation: the run's result.
            parts: returns the named hashes of the run's inputs.
        """
        warnings = (
            *_rule_warnings(config, features),
            *simulation.warnings,
            *_warnings(features, bundle, seen),
            *_without_a_fill(simulation, decision_function.rules_in_force(config.strategy).confidence_threshold),
        )
        return cls(
            metrics=simulation.metrics,
            undefined=simulation.undefined,
            conventions=simulation.conventions,
            warnings=tuple(dict.fromkeys(warnings)),
            source=simulation.source,
            signal_counts=simulation.signal_counts,
            blocks=simulation.blocks,
            partial=simulation.partial,
            open_position=simulation.open_position,
            rules=config.rules(),
            facts=_software() | _run_facts(config, bundle) | _data_facts(features) | _model_facts(bundle, seen),
            identify=lambda: RunIdentity.of(parts()),
            inputs=RunInputs(config.strategy, features, bundle),
        )

    def __repr__(self) -> str:
        facts = self.facts
        run = f"{facts['strategy']} {facts['symbol']} {facts['timeframe']}"
        return f"<BacktestResults {run} {facts['first_simulated']} to {facts['last_simulated']}: {self.brief}>"

    def __getstate__(self) -> dict[str, Any]:
        """Returns the fields, with frames, hash and identity in memory, and without the inputs."""
        return super().__getstate__() | {"identify": partial(RunIdentity, *self._identity), "inputs": None}

    @cached_property
    def _identity(self) -> RunIdentity:
        return self.identify()

    @property
    def in_sample_bars(self) -> int:
        """Returns the number of simulated bars among the model's training and validation rows."""
        return int(self.facts["in_sample_bars"])

    @property
    def in_force(self) -> Mapping[str, RuleInForce]:
        """Returns sizing and costs by dotted name, each with the place that its value came from."""
        return rules_in_force(self.facts["rules"]["execution"], self.facts.get("origins"))

    @property
    def identity(self) -> str:
        """Returns one hash over all inputs, as hex: runs of one identity have one ``result_hash``."""
        return self._identity.hash

    @property
    def summary(self) -> dict[str, Any]:
        """Returns the figures that the store keeps beside hash and manifest, JSON-ready."""
        return {
            "metrics": dict(self.metrics),
            "undefined": dict(self.undefined),
            "trades": self.metrics["trades"],
            "signals": dict(self.signal_counts),
            "blocks": None if self.blocks is None else [list(block) for block in self.blocks],
            "open_position": self.open_position,
        }

    def explain(self, trades: Sequence[int] | None = None, data_dir: str | Path | None = None) -> Explanation:
        """Returns why the run entered and left its trades: inputs in words, probabilities, the part of each input.

        Args:
            trades: numbers of the trades to explain; all by default.
            data_dir: folder of bars and models of a stored run, which are read again; by default that of the settings.

        Raises ``IdentityMismatch`` if an input of the run has changed, and ``ArgumentInvalid`` for an unknown trade and
        for an unpickled result.
        """
        return explained(self, trades, None if data_dir is None else Path(data_dir))

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Returns all that describes the run, JSON-ready: identity, versions, facts, conventions and warnings."""
        return {
            "identity": self.identity,
            "parts": dict(self._identity.parts),
            **self.facts,
            "conventions": dict(self.conventions),
            "warnings": list(self.warnings),
        }


def input_warnings(config: BacktestConfig, features: FeatureMatrix, bundle: ModelBundle, seen: Seen) -> tuple[str, ...]:
    """Returns one line for each thing to mind about the inputs of a run, before it has traded."""
    return tuple(dict.fromkeys((*_rule_warnings(config, features), *_warnings(features, bundle, seen))))


def _rule_warnings(config: BacktestConfig, features: FeatureMatrix) -> tuple[str, ...]:
    return (*config.strategy.warnings, *config.strategy.execution.warnings, *features.warnings)


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that a result rests on, without importing any of them."""
    return {name: library_version(name) for name in ("torch", "numpy", "polars", "TA-Lib")}


def _software() -> dict[str, Any]:
    return {"semantics": _core.SEMANTICS, "versions": library_versions()}


def _run_facts(config: BacktestConfig, bundle: ModelBundle) -> dict[str, Any]:
    return {
        "strategy": config.strategy.name,
        "symbol": config.symbol,
        "timeframe": config.timeframe.value,
        "model": bundle.id,
        "initial_capital": config.initial_capital,
        "threads": config.threads,
        "rules": config.rules(),
        "origins": {name: origin.value for name, origin in config.origins.items()},
    }


def _data_facts(features: FeatureMatrix) -> dict[str, Any]:
    stamps = features.base.timestamp
    base = features.base
    resampled = {
        timeframe.value: series.provenance.resampled_from.value
        for timeframe, series in features.series.items()
        if series.provenance.resampled_from is not None
    }
    return {
        "first_simulated": iso(int(stamps[features.first_simulated])),
        "last_simulated": iso(int(stamps[-1])),
        "warmup_bars": features.first_simulated,
        "warmup_complete_at_start": features.warmup_complete_at_start,
        "loaded": {
            timeframe.value: {"first": iso(loaded.first_ns), "bars": loaded.bars}
            for timeframe, loaded in features.loaded.items()
        },
        "resampled": resampled,
        "synthetic": base.provenance.synthetic,
        "account_currency": "quote" if base.conversion_rate is None else "converted",
        "stale_bars": features.stale_bars,
        "out_of_range": dict(features.out_of_range),
    }


def _model_facts(bundle: ModelBundle, seen: Seen) -> dict[str, Any]:
    return {
        "model_synthetic": bundle.metadata.synthetic,
        "in_sample_bars": seen.in_sample_bars,
        "selection_span": None if seen.selection_span is None else [iso(stamp) for stamp in seen.selection_span],
        "trained_on_later_data": None if seen.later_dates is None else list(seen.later_dates),
        "symbol_not_in_training": seen.symbol_not_in_training,
    }


def _without_a_fill(simulation: RunResult, threshold: float) -> list[str]:
    """Returns how the decisions of a run without a fill ended: a researcher's first question."""
    # A fill opens a position, which is open or a trade. The frame of all fills is not made for this.
    if simulation.metrics["trades"] or simulation.open_position is not None:
        return []
    decisions = simulation.decisions
    counts = decisions["decision"].value_counts(sort=True)
    reasons = ", ".join(f"{name} {count}" for name, count in counts.iter_rows())
    below = decisions.filter(pl.col("decision") == "threshold")["confidence"].to_numpy()
    nearest = (
        f"; the largest confidence below the threshold of {threshold:g} is {below.max():.3f}" if len(below) else ""
    )
    return [f"no order was filled: decisions {reasons}{nearest}"]


def _warnings(features: FeatureMatrix, bundle: ModelBundle, seen: Seen) -> list[str]:
    trained = ", ".join(bundle.metadata.symbols)
    synthetic = features.base.provenance.synthetic
    later = " to ".join(seen.later_dates or ())
    found = {
        "synthetic bars: the result says nothing about a market": synthetic,
        "the model was trained on synthetic bars": bundle.metadata.synthetic is True and not synthetic,
        f"symbol_not_in_training: the model was trained on {trained}": seen.symbol_not_in_training,
        f"in_sample_bars: {seen.in_sample_bars} bars are the model's own training rows": seen.in_sample_bars > 0,
        "selection_span: the run covers the model's test rows": seen.selection_span is not None,
        f"trained_on_later_data: the model knows bars {later}, after the run's start": bool(later),
        f"stale_bars: {features.stale_bars} bars without a current higher timeframe": features.stale_bars > 0,
        "the warm-up was not complete at the start: the first bars are not simulated": not (
            features.warmup_complete_at_start
        ),
    }
    return [line for line, applies in found.items() if applies]
