"""The rules of a run: the defaults, and how what was given is laid over them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

Rules = dict[str, Any]

DEFAULTS: Rules = {
    "execution": {
        "fill": "next_open",
        "sizing": {"kind": "cash_fraction", "fraction": 0.25},
        "commission": {"rate": 0.001, "per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0},
        "slippage": {"rate": 0.0005},
        "spread": {"half": 0.0},
        "financing": {"long_rate": 0.0, "short_rate": 0.0, "day_count": 365.0},
        "exits": {
            "stop_loss": None,
            "take_profit": None,
            "trailing_stop": None,
            "trail_on": "close",
            "max_holding_bars": None,
            "atr_period": 14,
        },
        "intrabar": "pessimistic",
        "on_opposite": "close",
        "allow_short": True,
        "margin": {"max_leverage": 1.0, "maintenance": 0.5},
        "instrument": {"tick_size": None, "lot_size": 1.0e-8, "contract_multiplier": 1.0},
        "close_at_end": True,
    },
    "decisions": {
        "confidence_threshold": 0.5,
        "position_awareness": True,
        "allow_short_from_flat": False,
        "filters": {"min_signal_separation": 4.0},
    },
    "metrics": {"periods_per_year": None, "risk_free_rate": 0.0},
}

REPLACED_WHOLE = ("sizing", "slippage", "stop_loss", "take_profit", "trailing_stop")


def complete(given: Mapping[str, Any]) -> Rules:
    """The given keys over the defaults."""
    return _merged(DEFAULTS, given)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Rules:
    result = dict(below)
    for key, value in above.items():
        if key not in below:
            raise KeyError(key)
        merges = isinstance(value, Mapping) and isinstance(below[key], Mapping) and key not in REPLACED_WHOLE
        result[key] = _merged(below[key], value) if merges else value
    return result


def benchmark_rules(rules: Rules) -> Rules:
    """The rules of buy and hold: the run's own but for what the definition names."""
    execution = {
        **rules["execution"],
        "fill": "next_open",
        "sizing": {"kind": "cash_fraction", "fraction": 1.0},
        "margin": {**rules["execution"]["margin"], "max_leverage": 1.0},
        "exits": DEFAULTS["execution"]["exits"],
    }
    decisions = {**rules["decisions"], "confidence_threshold": 0.0, "filters": {"min_signal_separation": 0.0}}
    return {"execution": execution, "decisions": decisions, "metrics": rules["metrics"]}


def rounded_to_f32(number: float) -> float:
    """The float32 nearest to a number, as a Python float."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])
