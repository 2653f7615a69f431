"""A cycle as people read it: verdict first, then stages, gates with reasons, file, and the commands that continue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ktrdr.operations.kind import Section
from ktrdr.research.job.kind import KIND
from support.inputs.research_results import outcome


def lines(sections: list[Section]) -> list[str]:
    return [line for section in sections for line in section.lines]


def remarks(**manifest: Any) -> list[Section]:
    return KIND.remarks(outcome(**manifest))


def test_the_headline_is_the_verdict_with_its_reason() -> None:
    assert KIND.headline(outcome().manifest) == "weak_signal: DSR 0.812 over 3 trials on these bars, 12 trades"


def test_stages_gates_file_and_commands_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_DATA_DIR", str(tmp_path))
    found = {section.name: section for section in remarks() if section.name}
    assert [row[0] for row in found["stages"].rows] == ["design", "training", "backtest", "assessment"]
    assert found["strategy_file"].data == str(tmp_path / "strategies" / "rsi_1h.yaml")
    said = lines(remarks())
    assert "training gate passed: it is above 0" in said
    assert "next: ktrdr validate rsi_1h" in said
    assert 'next: ktrdr research "rsi and macd on 1h for EURUSD"' in said
    assert not any(line.startswith("The training gate") for line in said)  # said once


def test_a_stage_that_did_not_run_says_why() -> None:
    parts = {name: f"{name}_1" for name in ("design", "training", "assessment")}
    [stages] = [section for section in remarks(parts=parts) if section.name == "stages"]
    assert stages.rows[2] == ("backtest", "not run", "the training gate failed")


def test_the_next_steps_exist_for_what_ran() -> None:
    """A cycle that ended at its first gate has no backtest to show, and one without a net no model."""
    said = lines(remarks())
    assert "next: ktrdr operations report research_0123456789abcdef" in said
    assert "next: ktrdr backtest show backtest_0123456789abcdef" in said
    parts = {name: f"{name}_1" for name in ("design", "training", "assessment")}
    failed = lines(remarks(parts=parts))
    assert "next: ktrdr models show rsi_1h/1h_v1" in failed
    assert not any("backtest show" in line for line in failed)
    assert not any("models show" in line for line in lines(remarks(parts=parts, model=None)))


def test_gates_say_by_how_much() -> None:
    gates = [
        {"name": "training", "passed": False, "reason": "no", "figures": {"lower": -2e-5, "upper": 1e-5, "mean": 0.0}},
        {"name": "backtest", "passed": False, "reason": "no", "figures": {"trades": 3, "max_drawdown": 0.25}},
        {"name": "training", "passed": False, "reason": "", "figures": {"rows": 100, "mean_block_bars": 30}},
        {"name": "training", "passed": False, "reason": "none", "figures": {"rows": 900, "signals": 0}},
        {"name": "training", "passed": False, "reason": "none", "figures": {"error": "labels_empty", "hint": ""}},
    ]  # fmt: skip
    [found] = [section for section in remarks(gates=gates) if section.name == "gates"]
    assert [row[1:] for row in found.rows] == [
        ("lower bound of signal times return", "-0.200 bp", "above 0"),
        ("trades", "3", "at least 10"),
        ("largest drawdown", "25.0 %", "below 50 %"),
        ("test rows", "100", "300 or more"),
        ("signals that may be traded", "0", "1 or more"),
    ]


def test_a_given_strategy_has_no_file() -> None:
    found = remarks(file=None, designer="given")
    assert "strategy: rsi_1h, as given" in lines(found)
    assert not any("ktrdr validate" in line for line in lines(found))


def test_the_cost_of_a_language_model_is_shown() -> None:
    usage = {"calls": 2, "input_tokens": 1_800, "output_tokens": 400, "cost_usd": 0.0123}
    assert "claude-x: 2 calls, 2,200 tokens and $0.0123" in lines(remarks(usage=usage, designer="claude-x"))


def test_a_full_report_has_every_figure_and_what_to_try_next() -> None:
    found = KIND.sections(outcome())
    assert ("dsr", "0.812") in found[1].rows
    assert "suggestions: Lower decisions.confidence_threshold or test on more bars: 12 trades say little." in lines(
        found
    )


def test_lists_show_brief_and_designer() -> None:
    found = KIND.shown({"brief": "word " * 40, "designer": "grammar", "start": "2024-01-01", "end": None, "seed": 3})
    assert found.title.endswith(" ...")
    assert len(found.title) <= 72
    assert found.detail == "grammar, from 2024-01-01, seed 3"


@pytest.mark.parametrize("metrics", [{}, {"total_return": 0.1, "sharpe": 1.0, "trades": 12}])
def test_lists_show_figures_of_a_cycle_with_a_backtest(metrics: dict[str, float]) -> None:
    found = KIND.figures({"metrics": metrics, "figures": {"dsr": 0.8}})
    assert found == ({"total_return": 0.1, "sharpe": 1.0, "dsr": 0.8} if metrics else {})
