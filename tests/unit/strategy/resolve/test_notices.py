"""Warnings about files without faults: each with its code, its path and its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrdr.cli.app import main
from ktrdr.strategy.loader import load_strategy, parse_strategy
from ktrdr.strategy.sections.labels import TRADE_SOURCES
from ktrdr.training.sources.make import SOURCES
from support.inputs.strategy_text import BARRIER, BASE, LSTM, REGRESSION, line_of

# (text in the sample, text in its place, code, path, text on the line that is named)
CASES = [
    (BARRIER[0], BARRIER[1] + "vol_span: 50}", "config_no_effect", "training.labels.vol_span", "vol_span"),
    (BARRIER[0], BARRIER[1] + "vol_method: atr, vol_span: 50}", "config_no_effect", "training.labels.vol_span", "vol"),
    (BARRIER[0], BARRIER[1] + "vol_method: close, atr_period: 9}", "config_no_effect", "training.labels.atr_period",
     "atr_period"),
    ("zigzag_threshold: 0.005", "zigzag_threshold: 0.005, horizon: 9", "config_no_effect", "training.labels.horizon",
     "horizon"),
    ("epochs: 5", "focal_gamma: 2", "config_no_effect", "training.focal_gamma", "focal_gamma"),
    ("epochs: 5", "huber_delta: 0.01", "config_no_effect", "training.huber_delta", "huber_delta"),
    ("epochs: 5", "lr_scheduler: {type: step, patience: 3}", "config_no_effect", "training.lr_scheduler.patience",
     "patience"),
    ("type: MLP", "type: MLP\n  training: {focal_gamma: 1}", "config_no_effect", "model.training.focal_gamma",
     "focal_gamma"),
    (REGRESSION[0], REGRESSION[1] + "  class_weights: true\n", "config_no_effect", "training.class_weights", "class_"),
    (REGRESSION[0], REGRESSION[1].replace("regression}", "regression, confidence_threshold: 0.4}"), "config_no_effect",
     "decisions.confidence_threshold", "confidence_threshold"),
    ("timeframes: all", "normalization: zscore", "config_no_effect", "nn_inputs[0].normalization", "zscore"),
    (LSTM[0], LSTM[1] + "sequence_length: 9, activation: relu}", "config_no_effect", "model.architecture.activation",
     "relu"),
    ("description: text", "scope: universal", "config_no_effect", "scope", "scope"),
    ("  macd: {", "  spare: {type: sma}\n  macd: {", "config_unused", "indicators.spare", "spare"),
    ("fuzzy_sets:\n", "fuzzy_sets:\n  spare: {indicator: rsi_14, low: [0, 1, 2]}\n", "config_unused",
     "fuzzy_sets.spare", "spare"),
    ("indicator: macd.histogram", "indicator: macd", "config_first_output", "fuzzy_sets.macd_level.indicator",
     "indicator: macd\n"),
    ("raw_indicator: bands.upper", "raw_indicator: bands", "config_first_output", "nn_inputs[3].raw_indicator",
     "raw_indicator: bands"),
    ("  rsi_level:\n", "  rsi_level:\n    far: [-500, -400, -300]\n", "config_unreached_set",
     "fuzzy_sets.rsi_level.far", "far:"),
    ("type: bbands, multiplier: 2.5", "type: obv", "config_running_total", "indicators.bands", "type: obv"),
    (BARRIER[0], "{source: regime}", "config_untrainable_target", "training.labels.source", "regime"),
    (REGRESSION[0], REGRESSION[1].replace("forward_return", "forward_return, horizon: 9000"),
     "config_untrainable_target", "training.labels.horizon", "9000"),
    ("end: 2023-12-31", "end: 2022-01-01T05:00", "config_untrainable_target", "training_data", "training_data:"),
    ("commission: {rate: 0.0001}", "margin: {max_leverage: 3}", "config_free_leverage",
     "execution.margin.max_leverage", "max_leverage"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path", "marker"), CASES, ids=range(len(CASES)))
def test_a_warning_names_code_path_and_line(old: str, new: str, code: str, path: str, marker: str) -> None:
    assert old in BASE
    text = BASE.replace(old, new, 1)
    if "obv" in new:
        text = text.replace("bands.upper", "bands")
    (notice,) = parse_strategy(text, "sample.yaml").notices
    assert (notice.code, notice.path, notice.line) == (code, path, line_of(marker, text)), notice.placed
    assert notice.placed.startswith(f"sample.yaml:{notice.line}: {path} ")


def test_a_key_without_effect_changes_nothing() -> None:
    plain = parse_strategy(BASE.replace(BARRIER[0], BARRIER[1] + "vol_method: atr}", 1))
    spare = parse_strategy(BASE.replace(BARRIER[0], BARRIER[1] + "vol_method: atr, vol_span: 50}", 1))
    assert plain.canonical() == spare.canonical()
    weighted = parse_strategy(BASE.replace(REGRESSION[0], REGRESSION[1] + "  class_weights: true\n", 1))
    assert weighted.training.class_weights is False


def test_a_horizon_that_leaves_labels_is_no_warning() -> None:
    assert parse_strategy(BASE.replace(REGRESSION[0], REGRESSION[1], 1)).warnings == ()


def test_the_sources_that_can_be_trained_are_those_of_the_training() -> None:
    assert tuple(SOURCES) == TRADE_SOURCES


def test_validate_prints_and_returns_the_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sample.yaml"
    path.write_text(BASE.replace(BARRIER[0], BARRIER[1] + "vol_span: 50}", 1))
    assert main(["validate", str(path)]) == 0
    shown = capsys.readouterr().out
    what = "training.labels.vol_span has an effect only with vol_method: close"
    line = line_of("vol_span", path.read_text())
    assert f"warning: {path}:{line}: {what}" in shown
    assert main(["validate", str(path), "--json"]) == 0
    (warning,) = json.loads(capsys.readouterr().out)["warnings"]
    assert warning.pop("path") == "training.labels.vol_span"
    assert warning == {"code": "config_no_effect", "message": what, "where": str(path), "line": line}


def test_a_stored_strategy_is_warned_about_as_its_file_was() -> None:
    strategy = parse_strategy(BASE.replace("  macd: {", "  spare: {type: sma}\n  macd: {", 1))
    assert load_strategy(strategy.canonical()).warnings == strategy.warnings
