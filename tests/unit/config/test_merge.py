"""Merging of configurations: by key, except for choices."""

from __future__ import annotations

from ktrdr.config.merge import merge


def test_mappings_merge_at_every_depth_and_the_arguments_stay() -> None:
    base = {"a": {"b": {"c": 1, "d": 2}}, "e": [1]}
    override = {"a": {"b": {"c": 3}}, "e": [2], "f": None}
    assert merge(base, override) == {"a": {"b": {"c": 3, "d": 2}}, "e": [2], "f": None}
    assert base == {"a": {"b": {"c": 1, "d": 2}}, "e": [1]}


def test_a_mapping_replaces_what_is_none_and_the_other_way_round() -> None:
    assert merge({"stop": None}, {"stop": {"atr": 2}}) == {"stop": {"atr": 2}}
    assert merge({"stop": {"atr": 2}}, {"stop": None}) == {"stop": None}


def test_a_choice_is_replaced_whole_at_any_depth() -> None:
    base = {"exits": {"stop_loss": {"rate": 0.01}}, "slippage": {"rate": 0.1}}
    override = {"exits": {"stop_loss": {"atr": 2}}, "slippage": {"ticks": 1}}
    assert merge(base, override, {"stop_loss", "slippage"}) == override
