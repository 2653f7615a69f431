"""Training rules of a request, laid over those of the strategy's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ktrdr.config.place import Place
from ktrdr.config.plain import plain
from ktrdr.config.yaml import read_yaml
from ktrdr.errors import ArgumentInvalid
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.training import merge_training, override_training

_TRAINING = ("training", "model.training")


def with_training(strategy: Strategy, rules: Mapping[str, Any] | None) -> Strategy:
    """Returns the strategy with training rules over its own; a ``ConfigError`` leaf names the key.

    >>> changed = with_training(load_strategy("v3_minimal"), {"epochs": 3, "labels": {"zigzag_threshold": 0.01}})
    >>> changed.training.epochs, changed.training.labels.params["zigzag_threshold"]
    (3, 0.01)
    """
    if not rules:
        return strategy
    if not isinstance(rules, Mapping):
        raise ArgumentInvalid("must be a mapping of rules", where="training", found=type(rules).__name__)
    file = dict(read_yaml(strategy.text, "strategy").data)
    model = dict(file["model"])
    written = merge_training(model.pop("training", None) or {}, file.get("training") or {})
    file |= {"model": model, "training": override_training(written, plain(rules, Place("request"), ("training",)))}
    changed = load_strategy(file, where="request")
    kept = (notice for notice in strategy.notices if not notice.path.startswith(_TRAINING))
    about = (notice for notice in changed.notices if notice.path.startswith(_TRAINING))
    return replace(strategy, training=changed.training, notices=(*kept, *about))
