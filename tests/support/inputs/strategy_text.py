"""A strategy file with every section, and ways to change and to break it."""

from __future__ import annotations

import pytest

from ktrdr.errors import ConfigError
from ktrdr.strategy.loader import parse_strategy

BASE = """\
name: sample
version: "3.0"
description: text
training_data:
  symbols:
    mode: single
    symbol: EURUSD
  timeframes:
    mode: multi_timeframe
    list: [1h, 4h]
    base_timeframe: 1h
  history_required: 10
  date_range: {start: 2022-01-01, end: 2023-12-31}
indicators:
  rsi_14: {type: rsi, period: 14}
  macd: {type: MACD, fast: 12, slow: 26, signal: 9}
  bands: {type: bbands, multiplier: 2.5}
fuzzy_sets:
  rsi_level:
    indicator: rsi_14
    low: [0, 20, 40]
    high: {type: gaussian, parameters: [70, 10]}
  macd_level:
    indicator: macd.histogram
    up: {type: sigmoid, parameters: [0, 5000]}
nn_inputs:
  - fuzzy_set: rsi_level
    timeframes: all
  - fuzzy_set: macd_level
    timeframes: [4h]
  - raw_indicator: macd.line
    normalization: zscore
  - raw_indicator: bands.upper
model:
  type: MLP
  architecture: {hidden_layers: [8, 4], dropout: 0.1}
decisions:
  confidence_threshold: 0.4
  filters: {min_signal_separation: 2}
training:
  labels: {source: zigzag, zigzag_threshold: 0.005}
  epochs: 5
  seed: 1
execution:
  commission: {rate: 0.0001}
  exits: {stop_loss: {rate: 0.01}}
metrics: {periods_per_year: 252}
"""

LSTM = (
    "model:\n  type: MLP\n  architecture: {hidden_layers: [8, 4], dropout: 0.1}",
    "model:\n  type: lstm\n  architecture: {",
)
REGRESSION = (
    "decisions:\n  confidence_threshold: 0.4\n  filters: {min_signal_separation: 2}\ntraining:\n"
    "  labels: {source: zigzag, zigzag_threshold: 0.005}\n",
    "decisions: {output_format: regression}\ntraining:\n  labels: {source: forward_return}\n",
)
BARRIER = ("{source: zigzag, zigzag_threshold: 0.005}", "{source: triple_barrier, ")


def failure(text: str) -> ConfigError:
    """Returns the error of a text that is no strategy."""
    with pytest.raises(ConfigError) as caught:
        parse_strategy(text, "sample.yaml")
    return caught.value


def line_of(marker: str, text: str) -> int:
    """Returns the line, from 1, on which a piece of text first occurs."""
    position = text.index(marker)
    return text[:position].count("\n") + 1


def listed(error: ConfigError) -> set[tuple[str, str | None]]:
    """Returns code and path of every fault that an error lists."""
    return {(fault.code, fault.path) for fault in error.faults or (error,)}
