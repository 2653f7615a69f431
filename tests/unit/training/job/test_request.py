"""A request keeps text and rules, survives JSON, has the same parameters at every door, and is shown to people."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import ktrdr
from ktrdr import operations
from ktrdr.cli.commands.train import train as command
from ktrdr.errors import ArgumentInvalid, ConfigError, ConfigNotFound, IdentityMismatch, LabelNotSupported
from ktrdr.operations.kind import Change, kind_of
from ktrdr.strategy.submitted import StrategyText
from ktrdr.training.job.request import OTHER_NAMES, TrainingParameters, TrainingRequest
from ktrdr.worker.schemas import TrainingBody
from support.inputs import worlds

PARAMETERS = TrainingParameters.model_fields
KIND = kind_of("training")


def test_it_survives_json_with_symbols_and_timeframe_resolved() -> None:
    request = TrainingRequest.of(
        "v3_minimal", ["EURUSD", "GBPUSD"], start=date(2022, 1, 1), end=datetime(2023, 1, 1, 12, tzinfo=UTC),
        seed=4, training={"labels": {"zigzag_threshold": 0.01}}, device="cpu", resample=True,
    )  # fmt: skip
    again = TrainingRequest.of_spec(json.loads(json.dumps(request.to_spec())))
    assert again == request and again.strategy_name == "v3_minimal"
    assert (request.symbols, request.timeframe) == (["EURUSD", "GBPUSD"], "1h")
    assert (request.start, request.end) == ("2022-01-01", "2023-01-01T12:00:00+00:00")
    assert again.inputs().strategy.training.labels.params["zigzag_threshold"] == 0.01


def test_a_name_a_path_and_a_mapping_give_one_strategy(tmp_path: Path) -> None:
    named = TrainingRequest.of("v3_minimal")
    file = tmp_path / "mine.yaml"
    file.write_text(named.strategy_text)
    for source in (file, named.strategy().canonical(), StrategyText(named.strategy_text)):
        other = TrainingRequest.of(source)
        assert other.strategy_name is None
        assert other.strategy().canonical() == named.strategy().canonical()
    with pytest.raises(ConfigNotFound):
        TrainingRequest.of(str(file), allow_path=False)


BAD: dict[str, tuple[type[Exception], str, dict[str, Any]]] = {
    "unknown rule": (ConfigError, "training.epoch: unknown key", {"training": {"epoch": 3}}),
    "rule out of range": (ConfigError, "training.epochs", {"training": {"epochs": 0}}),
    "rules that are none": (ArgumentInvalid, "training", {"training": [1]}),
    "labels of no trade": (LabelNotSupported, "context", {"training": {"labels": {"source": "context"}}}),
    "a symbol twice": (ArgumentInvalid, "EURUSD, EURUSD", {"symbols": ["EURUSD", "EURUSD"]}),
    "no symbol": (ArgumentInvalid, "symbols", {"symbols": []}),
    "a symbol that is a path": (ArgumentInvalid, "symbols", {"symbols": ["../x"]}),
    "another timeframe": (ArgumentInvalid, "timeframe", {"timeframe": "4h"}),
    "seed below 0": (ArgumentInvalid, "seed", {"seed": -1}),
    "no date": (ArgumentInvalid, "start", {"start": "yesterday"}),
    "end before start": (ArgumentInvalid, "end", {"start": "2022-02-01", "end": "2022-01-01"}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_needs_no_bars_is_checked_at_once(name: str) -> None:
    leaf, part, options = BAD[name]
    with pytest.raises(leaf, match=re.escape(part)):
        TrainingRequest.of("v3_minimal", **options)
    spec = TrainingRequest.of("v3_minimal").to_spec()
    with pytest.raises(leaf):
        KIND.parse(spec | options)


def test_a_name_that_means_another_strategy_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strategies").mkdir()
    file = tmp_path / "strategies" / "mine.yaml"
    text = StrategyText.of("v3_minimal").text.replace("name: v3_minimal", "name: mine")
    file.write_text(text)
    spec = TrainingRequest.of("mine").to_spec()
    KIND.unchanged(spec)
    file.write_text(text + "\nexecution: {commission: {rate: 0.1}}\n")
    KIND.unchanged(spec)  # no net depends on costs
    file.write_text(re.sub(r"epochs: \d+", "epochs: 7", text))
    with pytest.raises(IdentityMismatch, match=r"training\.epochs") as caught:
        KIND.unchanged(spec)
    assert "--stored" in str(caught.value)


# --- every door has the same parameters -------------------------------------------------------------------------------

DOORS: Mapping[str, tuple[Callable[..., Any], Mapping[str, str]]] = {
    "ktrdr.train": (ktrdr.train, {"symbols": "symbol"}),
    "ktrdr.operations.train": (operations.train, {"symbols": "symbol"}),
    "TrainingRequest.of": (TrainingRequest.of, {}),
    "ktrdr train": (command, {**OTHER_NAMES, "training": "settings"}),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_door_has_the_parameters_and_their_defaults(door: str) -> None:
    function, names = DOORS[door]
    parameters = inspect.signature(function).parameters
    for name, field in PARAMETERS.items():
        found = parameters[names.get(name, name)]
        assert found.default == (() if found.name == "settings" else field.default), name


def test_http_has_the_names_and_descriptions() -> None:
    fields = TrainingBody.model_json_schema(by_alias=True)["properties"]
    for name, field in PARAMETERS.items():
        assert fields[OTHER_NAMES.get(name, name)]["description"] == field.description


# --- shown to people --------------------------------------------------------------------------------------------------


def test_lists_show_what_was_asked_for() -> None:
    request = TrainingRequest.of(
        "v3_minimal", ["EURUSD", "GBPUSD"], start="2022-01-01", seed=4,
        training={"labels": {"source": "triple_barrier"}, "epochs": 3, "loss": "cross_entropy"},
    )  # fmt: skip
    shown = KIND.shown(request.to_spec())
    assert (shown.title, shown.detail) == ("v3_minimal EURUSD, GBPUSD 1h", "from 2022-01-01, seed 4")
    assert shown.fields["strategy"] == "v3_minimal" and shown.fields["symbol"] == "EURUSD, GBPUSD"
    assert shown.changes["training.epochs"] == Change(3, 20)
    assert shown.changes["training.labels.source"] == Change("triple_barrier", "zigzag")
    assert "training.loss" not in shown.changes


def test_a_section_that_is_switched_off_is_one_change() -> None:
    file = worlds.strategy(training={**worlds.strategy()["training"], "early_stopping": {"patience": 5}})
    request = TrainingRequest.of(file, training={"early_stopping": {"enabled": False}})
    assert KIND.shown(request.to_spec()).changes == {"training.early_stopping": Change("off", "on")}


def test_a_spec_that_cannot_be_read_is_shown_all_the_same() -> None:
    spec = TrainingRequest.of("v3_minimal").to_spec()
    for change in ({"strategy_text": "name: ["}, {"training": {"later": 1}}, {"symbols": None}):
        assert KIND.shown(spec | change).changes == {}
    assert KIND.shown({}).title == "training"


def test_a_training_cannot_be_forked() -> None:
    with pytest.raises(ArgumentInvalid, match="cannot be forked"):
        KIND.forked(TrainingRequest.of("v3_minimal").to_spec(), {}, 2)


def test_figures_are_few_and_of_any_version() -> None:
    assert KIND.figures({"metrics": {"validation_loss": 1.0, "rows": {"train": 3}}}) == {"validation_loss": 1.0}
    assert KIND.figures({}) == {}
