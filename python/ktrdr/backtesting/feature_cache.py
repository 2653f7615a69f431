"""The features of one run: computed once, held, and given with a model's normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr.backtesting.config import BacktestConfig
from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix

if TYPE_CHECKING:
    from ktrdr.neural.bundle import ModelBundle


class FeatureCache:
    """Holds the matrix [n_bars, n_features, float32] of a config; the loop reads it block by block."""

    def __init__(self, config: BacktestConfig) -> None:
        self._config = config
        self._raw: FeatureMatrix | None = None

    def raw(self, bridge: ProgressBridge | None = None) -> FeatureMatrix:
        """Features without a model's normalisation; bars are loaded and indicators computed on the first call."""
        if self._raw is None:
            config = self._config
            self._raw = build_features(
                config.strategy, config.source, config.symbol, config.span,
                resample=config.resample, bridge=bridge or SilentBridge(),
            )  # fmt: skip
        return self._raw

    def of(self, bundle: ModelBundle) -> FeatureMatrix:
        """Features as the bundle's net was trained on them."""
        return self.raw().normalized(bundle.metadata.normalization_params)
