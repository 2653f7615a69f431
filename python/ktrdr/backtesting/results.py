"""A finished backtest: the core's result, and a manifest of what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import polars as pl

from ktrdr.backtesting.config import BacktestConfig
from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.backtesting.identity import SEMANTICS_VERSION, Parts, identity_of
from ktrdr.backtesting.model_bundle import ModelBundle, Seen
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.simulation.result import SimulationResult
from ktrdr.time import iso


@dataclass(frozen=True, eq=False)
class BacktestResults:
    """Ledger and metrics of a run, what the run was, and what to mind about it.

    Args:
        simulation: the core's result.
        facts: the manifest's plain part: everything but hashes and versions.
        warnings: one line each.
        parts: the identity's parts, computed when first asked for.
    """

    simulation: SimulationResult
    facts: Mapping[str, Any]
    warnings: tuple[str, ...]
    parts: Callable[[], Parts]

    @classmethod
    def of(
        cls,
        config: BacktestConfig,
        features: FeatureMatrix,
        bundle: ModelBundle,
        seen: Seen,
        simulation: SimulationResult,
        parts: Callable[[], Parts],
    ) -> BacktestResults:
        """The result of a run that has reached its last bar."""
        warnings = (
            *config.strategy.warnings, *config.strategy.execution.warnings, *features.warnings,
            *simulation.warnings, *_warnings(features, bundle, seen),
            *_without_a_fill(simulation, rules_in_force(config.strategy).confidence_threshold),
        )  # fmt: skip
        facts = _run_facts(config, bundle) | _data_facts(features) | _model_facts(bundle, seen)
        return cls(simulation, facts, tuple(dict.fromkeys(warnings)), parts)

    def __repr__(self) -> str:
        facts = self.facts
        run = f"{facts['strategy']} {facts['symbol']} {facts['timeframe']}"
        return (
            f"<BacktestResults {run} {facts['first_simulated']} to {facts['last_simulated']}: {self.simulation.brief}>"
        )

    @property
    def final_equity(self) -> float:
        """Equity at the last mark, account currency."""
        return self.simulation.final_equity

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Every metric by name; None where it is undefined."""
        return self.simulation.metrics

    @property
    def undefined(self) -> Mapping[str, str]:
        """Why a metric is None."""
        return self.simulation.undefined

    @property
    def equity(self) -> pl.DataFrame:
        """One row a simulated bar."""
        return self.simulation.equity

    @property
    def trades(self) -> pl.DataFrame:
        """Closed round trips."""
        return self.simulation.trades

    @property
    def fills(self) -> pl.DataFrame:
        """Every fill."""
        return self.simulation.fills

    @property
    def refused(self) -> pl.DataFrame:
        """Orders that were not filled, with their reason."""
        return self.simulation.refused

    @property
    def decisions(self) -> pl.DataFrame:
        """One row a simulated bar: raw signal, confidence, what became of it."""
        return self.simulation.decisions

    @property
    def conventions(self) -> Mapping[str, Any]:
        """How the numbers were counted, and what is not modelled."""
        return self.simulation.conventions

    @property
    def result_hash(self) -> str:
        """BLAKE3 over ledger and metrics; computed when first asked for."""
        return self.simulation.result_hash

    @property
    def in_sample_bars(self) -> int:
        """Simulated bars among the model's training and validation rows."""
        return int(self.facts["in_sample_bars"])

    @cached_property
    def identity(self) -> str:
        """One hash over all inputs, as hex: runs of one identity have one ``result_hash``."""
        return identity_of(self.parts()).hex()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run was: JSON-ready."""
        return {
            "identity": self.identity,
            "parts": {name: value.hex() for name, value in self.parts()},
            "semantics": SEMANTICS_VERSION,
            "versions": library_versions(),
            **self.facts,
            "conventions": dict(self.conventions),
            "warnings": list(self.warnings),
        }


def library_versions() -> dict[str, str]:
    """Versions of what a result rests on, without importing any of it."""
    return {name: version(name) for name in ("torch", "numpy", "polars", "TA-Lib")}


def _run_facts(config: BacktestConfig, bundle: ModelBundle) -> dict[str, Any]:
    return {
        "strategy": config.strategy.name,
        "symbol": config.symbol,
        "timeframe": config.timeframe.value,
        "model": bundle.id,
        "initial_capital": config.initial_capital,
        "threads": config.threads,
        "rules": config.rules(),
    }


def _data_facts(features: FeatureMatrix) -> dict[str, Any]:
    stamps, base = features.base.timestamp, features.base
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
        "symbol_not_in_training": seen.symbol_not_in_training,
    }


def _without_a_fill(simulation: SimulationResult, threshold: float) -> list[str]:
    """What became of the signals of a run that traded nothing: a researcher's first question."""
    if simulation.fills.height:
        return []
    decisions = simulation.decisions
    counts = decisions["decision"].value_counts(sort=True)
    told = ", ".join(f"{name} {count}" for name, count in counts.iter_rows())
    below = decisions.filter(pl.col("decision") == "threshold")["confidence"].to_numpy()
    nearest = (
        f"; the largest confidence below the threshold of {threshold:g} is {below.max():.3f}" if len(below) else ""
    )
    return [f"no order was filled: decisions {told}{nearest}"]


def _warnings(features: FeatureMatrix, bundle: ModelBundle, seen: Seen) -> list[str]:
    trained = ", ".join(bundle.metadata.symbols)
    synthetic = features.base.provenance.synthetic
    found = {
        "synthetic bars: the result says nothing about a market": synthetic,
        "the model was trained on synthetic bars": bundle.metadata.synthetic is True and not synthetic,
        f"symbol_not_in_training: the model was trained on {trained}": seen.symbol_not_in_training,
        f"in_sample_bars: {seen.in_sample_bars} bars are the model's own training rows": seen.in_sample_bars > 0,
        "selection_span: the run covers the model's test rows": seen.selection_span is not None,
        f"stale_bars: {features.stale_bars} bars without a current higher timeframe": features.stale_bars > 0,
        "the warm-up was not complete at the start: the first bars are not simulated": not (
            features.warmup_complete_at_start
        ),
    }
    return [line for line, applies in found.items() if applies]
