"""All faults of a file at once: what one answer lists, and what it leaves out because it follows from another."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from ktrdr.cli.app import main
from ktrdr.errors import ConfigError, from_code
from ktrdr.strategy.loader import load_strategy, parse_strategy
from support.inputs.strategy_text import BASE, failure, listed

BAD = """\
name: sample
training_data:
  symbols: {mode: single, symbol: EURUSD}
  timeframes: {mode: multi_timeframe, list: [1h, 4h], base_timeframe: 1h}
indicators:
  rsi: {type: rsi, perod: 14, source: closed}
  bb: {type: bollingerbands}
fuzzy_sets:
  level: {indicator: rsi, low: [0, 50, 40], high: [60, 80]}
  band: {indicator: bbb, low: [0, 1, 2]}
nn_inputs:
  - {fuzzy_set: level}
  - {fuzzy_set: band, timeframes: [1d]}
  - {raw_indicator: bb.uper}
model: {type: mlp, architecture: {hidden_layers: [0], dropuot: 0.1}}
decisions: {confidence_threshold: 2}
training: {epochs: 0, labels: {source: zigzag, zigzag_threshold: .nan}}
execution: {commission: {rate: 1}, exit: {}}
"""

EXPECTED = [
    (6, "config_unknown_key", "indicators.rsi.perod"),
    (6, "config_range", "indicators.rsi.source"),
    (9, "config_fuzzy", "fuzzy_sets.level.low"),
    (9, "config_fuzzy", "fuzzy_sets.level.high"),
    (10, "config_reference", "fuzzy_sets.band.indicator"),
    (13, "config_reference", "nn_inputs[1].timeframes[0]"),
    (14, "config_reference", "nn_inputs[2].raw_indicator"),
    (15, "config_range", "model.architecture.hidden_layers[0]"),
    (15, "config_unknown_key", "model.architecture.dropuot"),
    (16, "config_range", "decisions.confidence_threshold"),
    (17, "config_nonfinite", "training.labels.zigzag_threshold"),
    (17, "config_range", "training.epochs"),
    (18, "config_range", "execution.commission.rate"),
    (18, "config_unknown_key", "execution.exit"),
]


def test_every_fault_is_listed_in_file_order_with_its_line() -> None:
    error = failure(BAD)
    found = [(fault.line, fault.code, fault.path) for fault in error.faults]
    assert sorted(found, key=str) == sorted(EXPECTED, key=str)
    assert [line for line, _, _ in found] == sorted(line for line, _, _ in found)
    assert (error.line, error.code) == (6, error.faults[0].code)
    assert str(error).count("\n") == len(EXPECTED) - 1
    assert "sample.yaml:6: indicators.rsi.perod: unknown parameter: found perod; did you mean period?" in str(error)


def test_the_list_survives_json_and_pickle() -> None:
    error = failure(BAD)
    facts = json.loads(json.dumps(error.to_dict()))
    assert len(facts["faults"]) == len(EXPECTED)
    assert facts["faults"][0]["hint"] == "did you mean period?"
    assert facts["message"] == facts["faults"][0]["message"]
    assert str(from_code(**facts)) == str(pickle.loads(pickle.dumps(error))) == str(error)


def test_one_fault_is_no_list() -> None:
    error = failure(BAD.split("fuzzy_sets", maxsplit=1)[0])
    assert "nn_inputs" in str(error)
    single = failure(BASE.replace("epochs: 5", "epochs: 0"))
    assert single.faults == () and "faults" not in single.to_dict()


def test_what_follows_from_a_fault_is_not_listed() -> None:
    missing = failure(BASE.replace("indicators:", "indicatros:", 1))
    assert listed(missing) == {("config_unknown_key", "indicatros")}
    broken = failure(BASE.replace("type: rsi, period: 14", "type: rsii", 1))
    assert listed(broken) == {("config_range", "indicators.rsi_14.type")}
    shape = failure(BASE.replace("mode: multi_timeframe", "mode: many", 1))
    assert listed(shape) == {("config_range", "training_data.timeframes.mode")}
    decided = failure(BASE.replace("confidence_threshold: 0.4", "output_format: regresion", 1))
    assert listed(decided) == {("config_range", "decisions.output_format")}


def test_faults_before_an_unreadable_end_are_listed() -> None:
    error = failure("name: a\nname: b\nepochs: .nan\nscope: [1\n")
    assert [fault.code for fault in error.faults] == ["config_duplicate_key", "config_nonfinite", "config_document"]


@pytest.mark.parametrize("data", [None, 3, [1], {}])
def test_data_that_is_no_strategy_at_all(data: object) -> None:
    with pytest.raises(ConfigError):
        parse_strategy(json.dumps(data))


def test_a_mapping_lists_all_its_faults() -> None:
    file = parse_strategy(BASE).canonical()
    file["training"]["epochs"] = float("nan")
    file["indicators"]["macd"]["fast_period"] = object()
    with pytest.raises(ConfigError) as caught:
        load_strategy(file)
    assert listed(caught.value) == {
        ("config_nonfinite", "training.epochs"),
        ("config_type", "indicators.macd.fast_period"),
    }


def test_the_command_line_prints_a_line_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    assert main(["validate", str(path)]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(EXPECTED) and all(f"{path}:" in line for line in lines)
    assert main(["validate", str(path), "--json"]) == 3
    assert len(json.loads(capsys.readouterr().out)["error"]["faults"]) == len(EXPECTED)
