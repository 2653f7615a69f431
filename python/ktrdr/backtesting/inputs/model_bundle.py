"""The choice of a run's trained net, and the bars of the run that this net has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.errors import ModelInSample
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.match import has_same_features, require_same_features
from ktrdr.neural.metadata import BundleMetadata
from ktrdr.neural.storage import ModelStorage
from ktrdr.time import Span, iso

__all__ = ["ModelBundle", "Seen", "choose_bundle", "seen_bars"]


def choose_bundle(config: BacktestConfig, *, start_ns: int, synthetic: bool) -> ModelBundle:
    """Returns the bundle that a run names, else the newest that fits it.

    A bundle that was trained only on bars before the run comes before newer ones that know some of its future.

    Args:
        config: the backtest.
        start_ns: stamp of the first simulated bar, ns UTC.
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

        def only_earlier(known: BundleMetadata) -> bool:
            earlier = known.training_span is not None and known.later_than(start_ns) is None
            return earlier and has_same_features(config.strategy, known)

        stored = storage.newest(
            config.strategy.name, config.timeframe, config.symbol, synthetic=synthetic, preferred=only_earlier
        )
    else:
        stored = storage.find(str(config.model), allow_path=True)
    require_same_features(config.strategy, stored.metadata)
    return ModelBundle.load(stored.path)


@dataclass(frozen=True)
class Seen:
    """The simulated bars that a model has seen before, and what it knows of their future.

    Args:
        in_sample_bars: bars of its training and validation rows, up to the last label's end.
        selection_span: first and last stamp (ns UTC) among its test rows, which its maker has looked at.
        later_data: the part of its training span after the run's start, on whatever symbols.
        symbol_not_in_training: whether it was trained on other symbols only.
    """

    in_sample_bars: int
    selection_span: tuple[int, int] | None
    later_data: Span | None
    symbol_not_in_training: bool

    @property
    def later_dates(self) -> tuple[str, str] | None:
        """Returns start and end of ``later_data`` as text."""
        span = self.later_data
        return None if span is None else (iso(span.start_ns or 0), iso(span.end_ns or 0))


def seen_bars(bundle: ModelBundle, symbol: str, stamps: NDArray[np.int64], *, strict: bool) -> Seen:
    """Returns the simulated bars that the bundle has seen, and later ones.

    Args:
        bundle: the run's bundle.
        symbol: of the run.
        stamps: of the simulated bars, [n_bars, int64, ns UTC].
        strict: whether such bars are refused.

    Raises:
        ModelInSample: the bundle has seen bars of the run or later ones, or does not say, and ``strict`` refuses that.
    """
    facts = bundle.metadata
    foreign = symbol not in facts.symbols
    fitted, selected = (stamps[:0] if foreign else _within(stamps, span) for span in (facts.in_sample, facts.selection))
    later = facts.later_than(int(stamps[0])) if len(stamps) else None
    seen = Seen(len(fitted), (int(selected[0]), int(selected[-1])) if len(selected) else None, later, foreign)
    if strict:
        _require_unseen(bundle, seen, len(selected))
    return seen


def _require_unseen(bundle: ModelBundle, seen: Seen, selection_bars: int) -> None:
    known = {
        f"{seen.in_sample_bars:,} of its bars in the training": seen.in_sample_bars > 0,
        f"{selection_bars:,} of its bars in the selection of the net": selection_bars > 0,
        f"training on bars after its start, {' to '.join(seen.later_dates or ())}": seen.later_data is not None,
        "no word of the bars it was trained on": bundle.metadata.training_span is None,
    }
    if any(known.values()):
        raise ModelInSample(
            "the model was fitted or selected on bars of this run, or on later ones",
            where=bundle.id,
            found=", ".join(part for part, applies in known.items() if applies),
            expected="a run that begins after its training",
        )


def _within(stamps: NDArray[np.int64], span: Span | None) -> NDArray[np.int64]:
    if span is None or span.start_ns is None or span.end_ns is None:
        return stamps[:0]
    first, stop = np.searchsorted(stamps, [span.start_ns, span.end_ns])
    return stamps[first:stop]
