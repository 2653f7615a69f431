"""The page of a research cycle: verdict, stages, gates and figures, all as text."""

from __future__ import annotations

from pathlib import Path

from ktrdr.report.studies.research import research_report
from support.inputs.research_results import outcome
from support.report_page import Page, rows_of


def test_the_page_is_the_verdict_with_its_reasons() -> None:
    page = Page(research_report(outcome(brief="RSI <img src=x> on 1h")))
    assert page.root.all("h1")[0].text == "RSI <img src=x> on 1h"
    assert page.root.all("img") == []
    assert "weak_signal: DSR 0.812" in page.root.all("header")[0].text
    (stages,) = (rows_of(table) for table in page.root.all("table") if "design" in table.text and "stage" in table.text)
    assert [row["stage"] for row in stages][:4] == ["design", "training", "backtest", "assessment"]
    assert "training gate passed" in page.root.all("main")[0].text


def test_equal_results_give_equal_pages() -> None:
    assert research_report(outcome()) == research_report(outcome())


def test_a_cycle_that_fails_its_gate_has_pictures(tmp_path: Path) -> None:
    """The interval beside 0; the losses are in the test of trainings, which has a net."""
    figures = {"rows": 900, "lower": -0.0002, "mean": 0.0001, "upper": 0.0004}
    gates = [{"name": "training", "passed": False, "reason": "the lower bound is not above 0", "figures": figures}]
    page = Page(research_report(outcome(gates=gates), tmp_path))
    failed = page.root.all("section")[1]
    assert failed.all("h2")[0].text == "Training gate failed"
    assert {"-2 bp", "1 bp", "4 bp"} <= {text.text for text in failed.all("text")}


def test_a_model_that_is_gone_is_named(tmp_path: Path) -> None:
    assert "Drawn without losses" in Page(research_report(outcome(), tmp_path)).root.all("main")[0].text
