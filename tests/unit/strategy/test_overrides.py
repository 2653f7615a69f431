"""Training rules of a request over a file: single keys change, choices are replaced, warnings are the new ones."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.errors import ArgumentInvalid, ConfigError
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.overrides import with_training
from ktrdr.strategy.schema import Strategy
from support.inputs.nets import strategy_of

ZIGZAG: dict[str, Any] = {"labels": {"source": "zigzag", "zigzag_threshold": 0.03}}


def changed(file: dict[str, Any], rules: dict[str, Any]) -> Strategy:
    return with_training(strategy_of(training=file), rules)


def test_nothing_changes_nothing() -> None:
    strategy = strategy_of(training=ZIGZAG)
    assert with_training(strategy, None) is strategy and with_training(strategy, {}) is strategy


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "one key": (ZIGZAG | {"epochs": 9}, {"epochs": 3}, {"epochs": 3, **ZIGZAG}),
    "one key of the labels": (
        ZIGZAG, {"labels": {"zigzag_threshold": 0.01}}, {"labels": {"source": "zigzag", "zigzag_threshold": 0.01}},
    ),
    "other labels": (
        ZIGZAG, {"labels": {"source": "triple_barrier", "atr_period": 7}},
        {"labels": {"source": "triple_barrier", "atr_period": 7}},
    ),
    "labels of a file without any": (
        {}, {"labels": {"zigzag_threshold": 0.01}}, {"labels": {"source": "zigzag", "zigzag_threshold": 0.01}},
    ),
    "a key of the default scheduler": (
        {"lr_scheduler": True}, {"lr_scheduler": {"patience": 2}},
        {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 2}},
    ),
    "another scheduler": (
        {"lr_scheduler": {"type": "reduce_on_plateau", "patience": 2}}, {"lr_scheduler": {"type": "step"}},
        {"lr_scheduler": {"type": "step"}},
    ),
    "no scheduler": ({"lr_scheduler": True}, {"lr_scheduler": False}, {}),
    "a key of early stopping": (
        {"early_stopping": {"patience": 4}}, {"early_stopping": {"min_delta": 0.1}},
        {"early_stopping": {"patience": 4, "min_delta": 0.1}},
    ),
    "another way to split": (
        {"data_split": {"train": 0.6, "validation": 0.2, "test": 0.2}}, {"validation_split": 0.25},
        {"validation_split": 0.25},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rules_are_laid_over_the_file(name: str) -> None:
    file, rules, whole = CASES[name]
    assert changed(file, rules).training == strategy_of(training=whole).training


def test_the_older_place_of_the_section_counts() -> None:
    file = strategy_of(training={"epochs": 9, "batch_size": 7}).canonical()
    section = file.pop("training")
    file["model"]["training"] = section
    made = with_training(load_strategy(file), {"epochs": 3})
    assert (made.training.epochs, made.training.batch_size) == (3, 7)


def test_only_the_training_changes() -> None:
    file = {"execution": {"commission": {"rate": 0.01}}, "description": "mine"}
    before = strategy_of(training=ZIGZAG, **file)
    after = with_training(before, {"epochs": 3})
    assert after.canonical() | {"training": None} == before.canonical() | {"training": None}
    assert after.text == before.text


def test_warnings_are_those_of_the_rules_in_force() -> None:
    assert changed({"focal_gamma": 3.0}, {"epochs": 3}).warnings == strategy_of(training={"focal_gamma": 3.0}).warnings
    focal = changed({"focal_gamma": 3.0}, {"loss": "focal"})
    assert focal.training.focal_gamma == 3.0 and focal.warnings == strategy_of().warnings


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ({"epoch": 3}, "did you mean epochs"),
        ({"epochs": 2.5}, "training.epochs"),
        ({"labels": {"source": "zig"}}, "training.labels.source"),
        ({"learning_rate": float("nan")}, "not finite"),
    ],
)
def test_a_rule_that_is_none_is_named(rules: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        changed(ZIGZAG, rules)


def test_rules_that_are_no_mapping_are_refused() -> None:
    rules: Any = ["epochs"]
    with pytest.raises(ArgumentInvalid, match="mapping"):
        with_training(strategy_of(), rules)
