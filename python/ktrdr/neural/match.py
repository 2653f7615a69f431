"""Compares the features and the net of a strategy with those of a bundle."""

from __future__ import annotations

from ktrdr.config.difference import differences
from ktrdr.errors import ModelFeatureMismatch
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.strategy.schema import Strategy


def require_same_features(strategy: Strategy, metadata: BundleMetadata) -> None:
    """Checks that indicators, fuzzy sets, inputs, timeframes and net are those of the bundle.

    Raises ``ModelFeatureMismatch`` that names the first difference: ``found`` is the strategy's value, ``expected`` the
    bundle's. Decisions and execution may differ.
    """
    for path, found, expected in differences(strategy.feature_part(), metadata.feature_part):
        raise ModelFeatureMismatch(
            "the strategy differs from the one the model was trained on",
            where=path,
            found=found,
            expected=expected,
            hint="train a model of this strategy, or name another model",
        )
    if strategy.feature_names != metadata.resolved_features:
        raise ModelFeatureMismatch(
            "features are in another order than the model was trained on",
            where="nn_inputs",
            found=", ".join(strategy.feature_names),
            expected=", ".join(metadata.resolved_features),
        )


def has_same_features(strategy: Strategy, metadata: BundleMetadata) -> bool:
    """Returns True where ``require_same_features`` passes."""
    try:
        require_same_features(strategy, metadata)
    except ModelFeatureMismatch:
        return False
    return True
