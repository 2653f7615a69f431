"""Writes rust/core/tests/data/golden.json: runs and what the reference makes of them, for cargo's own tests.

Run it after a change of the reference: `PYTHONPATH=tests python tests/golden/export_core_cases.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reference.case import Case
from reference.money import NS_PER_SECOND, FillPriceError
from reference.rules import DEFAULTS
from reference.simulation import Outcome
from support.runs.hand_cases import HAND_CASES
from support.runs.random_cases import draw_case

PATH = Path(__file__).parents[2] / "rust" / "core" / "tests" / "data" / "golden.json"
RANDOM_CASES = 150
FIRST_SEED = 50_000
LENGTHS = range(4, 37)
KEPT_ASIDE = {"notional", "time", "entry_time", "exit_time"}


def exported() -> str:
    """The fixture as text."""
    cases = [(hand.name, hand.case) for hand in HAND_CASES] + list(random_cases())
    lines = [json.dumps(line_of(name, case), separators=(",", ":")) for name, case in cases]
    return '{"defaults":' + json.dumps(DEFAULTS) + ',"cases":[\n' + ",\n".join(lines) + "\n]}\n"


def random_cases() -> Iterator[tuple[str, Case]]:
    """Short runs that trade, some that only try, with prices of few digits."""
    seed = FIRST_SEED
    found = 0
    while found < RANDOM_CASES:
        case = draw_case(seed)
        seed += 1
        if len(case.signals) not in LENGTHS:
            continue
        case = shortened(case)
        try:
            outcome = case.outcome()
        except FillPriceError:
            continue
        if len(outcome.trades) >= 2 or (outcome.refused and found % 5 == 0):
            found += 1
            yield f"seed {seed - 1}", case


def shortened(case: Case) -> Case:
    """The case with six digits a number."""
    columns = {
        name: None if column is None else [float(f"{value:.6g}") for value in column]
        for name, column in asdict(case.bars).items()
        if name != "time"
    }
    return replace(case, bars=replace(case.bars, **columns))


def line_of(name: str, case: Case) -> dict[str, Any]:
    """One case with its expectation."""
    bars = {key: plain(column) for key, column in asdict(case.bars).items() if key != "time" and column is not None}
    return {
        "name": name,
        "timeframe": case.timeframe_seconds,
        "warmup": case.warmup,
        "capital": case.initial_capital,
        "rules": case.rules,
        "time": [time // NS_PER_SECOND for time in case.bars.time],
        "bars": bars,
        "signals": case.signals,
        "confidence": None if case.confidence is None else plain(case.confidence),
        "expected": expectation(case.outcome()),
    }


def expectation(outcome: Outcome) -> dict[str, Any]:
    """Ledgers by column, measures by name: a number or the reason why there is none."""
    measures = outcome.measures
    tables = {
        name: {key: plain([row[key] for row in rows]) for key in (rows[0] if rows else ()) if key not in KEPT_ASIDE}
        for name in ("fills", "trades", "refused")
        for rows in [getattr(outcome, name)]
    }
    return {
        **tables,
        "equity": plain([row["equity"] for row in outcome.equity]),
        "decisions": outcome.decisions,
        "metrics": {
            key: measures.undefined[key] if value is None else plain([value])[0]
            for key, value in sorted(measures.values.items())
        },
        "blocks": None if measures.blocks is None else [plain(block) for block in measures.blocks],
    }


def plain(values: Any) -> list[Any]:
    """Numbers as JSON has them: eleven digits, NaN as null."""
    return [
        value if not isinstance(value, float) else None if math.isnan(value) else float(f"{value:.11g}")
        for value in values
    ]


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(exported())
