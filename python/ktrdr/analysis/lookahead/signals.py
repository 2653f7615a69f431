"""Signals of a trained net, with and without the future."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr.analysis.lookahead.comparison import Difference
from ktrdr.analysis.lookahead.report import SIGNALS
from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.errors import ModelNotFound
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.match import require_same_features
from ktrdr.neural.storage import ModelStorage
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.schema import Strategy

_REACH_ROWS = 4_096
"""Rows before a cut whose signals are compared: some blocks of inference."""


@dataclass(frozen=True, eq=False)
class Signals:
    """The signals and confidences of a span beside all bars.

    Args:
        bundle: the net.
        decide: scores to signals.
        signals: of every row [n_bars, int8].
        confidences: of every row [n_bars, float32].
    """

    bundle: ModelBundle
    decide: DecisionFunction
    signals: NDArray[np.int8]
    confidences: NDArray[np.float32]

    @classmethod
    def of(cls, strategy: Strategy, bundle: ModelBundle, whole: FeatureMatrix) -> Signals:
        """Returns the signals of a net over a matrix."""
        decide = DecisionFunction.of(strategy, bundle)
        return cls(bundle, decide, *_decided(bundle, decide, whole, 0, len(whole.values)))

    def differences(self, whole: FeatureMatrix, cut: FeatureMatrix, row: int) -> Iterator[Difference]:
        """Yields the first signal up to a row that is another beside the bars known then."""
        first = max(row + 1 - _REACH_ROWS, whole.first_simulated)
        signals, confidences = _decided(self.bundle, self.decide, cut, first, row + 1)
        mine = self.signals[first : row + 1]
        sure = self.confidences[first : row + 1]
        differs = mine != signals
        differs |= (sure.view(np.uint32) != confidences.view(np.uint32)) & ~(np.isnan(sure) & np.isnan(confidences))
        if differs.any():
            at = int(np.argmax(differs))
            values = (float(sure[at]), float(confidences[at]))
            if mine[at] != signals[at]:
                values = (float(mine[at]), float(signals[at]))
            yield Difference(SIGNALS, first + at, int(whole.base.timestamp[first + at]), *values)


def _decided(
    bundle: ModelBundle, decide: DecisionFunction, features: FeatureMatrix, first: int, stop: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    values = features.normalized(bundle.metadata.normalization_params).values
    blocks = bundle.iter_scores(values, first_row=first, stop_row=stop, threads=DEFAULT_THREADS)
    parts = [decide.batch(np.ascontiguousarray(scores)) for _, _, scores in blocks]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def bundle_for(
    storage: ModelStorage, strategy: Strategy, symbol: str, model: str | ModelBundle | None, *, synthetic: bool
) -> ModelBundle | None:
    """Returns the net that is named, else the newest of the strategy; None where there is none.

    Raises ``ModelNotFound`` and ``ModelFeatureMismatch`` for a named one.
    """
    if isinstance(model, ModelBundle):
        require_same_features(strategy, model.metadata)
        return model
    if model is not None:
        stored = storage.find(model, allow_path=True)
        require_same_features(strategy, stored.metadata)
        return ModelBundle.load(stored.path)
    try:
        stored = storage.newest(strategy.name, strategy.base_timeframe, symbol, synthetic=synthetic)
    except ModelNotFound:
        return None
    require_same_features(strategy, stored.metadata)
    return ModelBundle.load(stored.path)
