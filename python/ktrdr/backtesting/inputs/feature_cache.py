"""The features of one backtest: computed once, then normalised for the model that the backtest uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.cache.folder import FeatureFolder
from ktrdr.feature_pipeline.matrix import FeatureMatrix

if TYPE_CHECKING:
    from ktrdr.neural.bundle import ModelBundle


class FeatureCache:
    """Holds the feature matrix [n_bars, n_features, float32] of a backtest.

    The engine chooses a model after the bars are loaded, and needs the features before and after that choice: raw to
    know the bars, normalised to score them. The cache loads and computes once for both. Where
    ``KTRDR_FEATURE_CACHE_MB`` allows it, features of an earlier run over the same bars are read from disk.
    """

    def __init__(self, config: BacktestConfig, *, recomputes: bool = False) -> None:
        self._config = config
        self._recomputes = recomputes
        self._raw: FeatureMatrix | None = None

    def raw(self, bridge: ProgressBridge | None = None) -> FeatureMatrix:
        """Returns features without a model's normalisation; the first call loads bars and computes indicators."""
        if self._raw is None:
            config = self._config
            folder = FeatureFolder.in_force()
            self._raw = build_features(
                config.strategy,
                config.source,
                config.symbol,
                config.span,
                resample=config.resample,
                bridge=bridge or SilentBridge(),
                kept=None if self._recomputes or folder.limit_bytes == 0 else folder,
            )
        return self._raw

    def of(self, bundle: ModelBundle) -> FeatureMatrix:
        """Returns features normalised as the bundle's net was trained on them."""
        return self.raw().normalized(bundle.metadata.normalization_params)
