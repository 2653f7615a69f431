"""The choice of a run's trained net, and the bars of the run that this net has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.errors import ModelInSample
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.match import require_same_features
from ktrdr.neural.storage import ModelStorage
from ktrdr.time import Span

__all__ = ["ModelBundle", "Seen", "choose_bundle", "seen_bars"]


def choose_bundle(config: BacktestConfig, *, synthetic: bool) -> ModelBundle:
    """Returns the bundle that a run names, else the newest that fits it.

    Args:
        config: the backtest.
        synthetic: whether the run's bars are made up; a bundle trained on such bars fits only those.

    Raises:
        ModelNotFound: no bundle fits.
        ModelFeatureMismatch: its features are not the strategy's.
    """
    if isinstance(config.model, ModelBundle):
        require_same_features(config.strategy, config.model.metadata)
        return config.model
    storage = ModelStorage(config.repository.models_dir)
    if config.model is None:
        stored = storage.newest(config.strategy.name, config.timeframe, config.symbol, synthetic=synthetic)
    else:
        stored = storage.find(str(config.model), allow_path=True)
    require_same_features(config.strategy, stored.metadata)
    return ModelBundle.load(stored.path)


@dataclass(frozen=True)
class Seen:
    """The simulated bars that a model has seen before.

    Args:
        in_sample_bars: bars of its training and validation rows, up to the last label's end.
        selection_span: first and last stamp (ns UTC) among its test rows, which its maker has looked at.
        symbol_not_in_training: whether it was trained on other symbols only.
    """

    in_sample_bars: int
    selection_span: tuple[int, int] | None
    symbol_not_in_training: bool


def seen_bars(bundle: ModelBundle, symbol: str, stamps: NDArray[np.int64], *, strict: bool) -> Seen:
    """Returns the simulated bars that the bundle has seen.

    Args:
        bundle: the run's bundle.
        symbol: of the run.
        stamps: of the simulated bars, [n_bars, int64, ns UTC].
        strict: whether such bars are refused.

    Raises:
        ModelInSample: the bundle has seen bars of the run, and ``strict`` refuses them.
    """
    facts = bundle.metadata
    foreign = symbol not in facts.symbols
    fitted, selected = (stamps[:0] if foreign else _within(stamps, span) for span in (facts.in_sample, facts.selection))
    if strict and (len(fitted) or len(selected)):
        raise ModelInSample(
            "the model was fitted or selected on bars of this run",
            where=bundle.id,
            found=f"{len(fitted)} in-sample and {len(selected)} selection bars",
            expected="a span after its training",
        )
    return Seen(len(fitted), (int(selected[0]), int(selected[-1])) if len(selected) else None, foreign)


def _within(stamps: NDArray[np.int64], span: Span | None) -> NDArray[np.int64]:
    if span is None or span.start_ns is None or span.end_ns is None:
        return stamps[:0]
    first, stop = np.searchsorted(stamps, [span.start_ns, span.end_ns])
    return stamps[first:stop]
