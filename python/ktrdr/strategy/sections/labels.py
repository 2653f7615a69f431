"""Label sources: their keys, bounds and defaults. ``training/sources`` computes the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from ktrdr.config.fields import Bars, Positive
from ktrdr.config.notice import NO_EFFECT, Notice
from ktrdr.config.place import Place
from ktrdr.config.strict import Part
from ktrdr.config.variants import Variants


class ZigzagLabels(Part):
    """Legs between confirmed pivots of the closes."""

    source: Literal["zigzag"] = "zigzag"
    zigzag_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    label_lookahead: Bars | None = None


class ForwardReturnLabels(Part):
    """The return over the next ``horizon`` bars: a regression target."""

    source: Literal["forward_return"] = "forward_return"
    horizon: Bars = 20


class TripleBarrierLabels(Part):
    """The first of two mirrored trades to reach its target."""

    source: Literal["triple_barrier"] = "triple_barrier"
    profit_target_atr: Positive = Field(2.0, validation_alias=AliasChoices("profit_target_atr", "pt_multiplier"))
    stop_loss_atr: Positive = Field(1.5, validation_alias=AliasChoices("stop_loss_atr", "sl_multiplier"))
    max_holding_bars: Bars = Field(24, validation_alias=AliasChoices("max_holding_bars", "max_holding_period"))
    atr_period: Bars = 14
    vol_method: Literal["atr", "close"] = "atr"
    vol_span: Bars = 100
    compute_weights: bool = False


class ContextLabels(Part):
    """Market direction classes; valid in a file, not trainable into trades."""

    source: Literal["context"] = "context"
    horizon: Bars | None = None
    bullish_threshold: float | None = None
    bearish_threshold: float | None = None


class RegimeLabels(Part):
    """Market regime classes; valid in a file, not trainable into trades."""

    source: Literal["regime"] = "regime"
    macro_atr_mult: Positive | None = None
    micro_atr_mult: Positive | None = None
    atr_period: Bars | None = None
    vol_lookback: Bars | None = None
    vol_crisis_threshold: Positive | None = None
    progression_tolerance: Annotated[float, Field(ge=0)] | None = None


LabelsFile = Annotated[
    ZigzagLabels | ForwardReturnLabels | TripleBarrierLabels | ContextLabels | RegimeLabels,
    Field(discriminator="source"),
]


@dataclass(frozen=True)
class LabelRules:
    """A label source and its parameters, defaults filled in, aliases resolved."""

    source: str
    params: Mapping[str, Any]

    @property
    def is_target(self) -> bool:
        """True if the labels are numbers to regress on, False for classes."""
        return self.source == "forward_return"


LABEL_SOURCES: Variants = {
    str(model.model_fields["source"].default): model
    for model in (ZigzagLabels, ForwardReturnLabels, TripleBarrierLabels, ContextLabels, RegimeLabels)
}
"""The grammar of each label source."""

TRADE_SOURCES = ("zigzag", "forward_return", "triple_barrier")
"""Sources that a net can be trained on."""


def resolve_labels(labels: LabelsFile, place: Place) -> tuple[LabelRules, tuple[Notice, ...]]:
    """Returns the label source with the keys that have an effect, and a warning for each other key."""
    params = labels.model_dump(exclude={"source", "label_lookahead"}, exclude_none=True)
    unused: dict[str, str] = {}
    if isinstance(labels, TripleBarrierLabels):
        key, method = ("vol_span", "close") if labels.vol_method == "atr" else ("atr_period", "atr")
        del params[key]
        unused[key] = f"has an effect only with vol_method: {method}"
    if isinstance(labels, ZigzagLabels) and labels.label_lookahead is not None:
        unused["label_lookahead"] = "has no effect"
    given = {key: what for key, what in unused.items() if key in labels.model_fields_set}
    return LabelRules(labels.source, params), tuple(
        place.notice(NO_EFFECT, what, (key,)) for key, what in given.items()
    )
