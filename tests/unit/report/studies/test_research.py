"""The page of a research cycle: verdict, stages, gates and figures, all as text."""

from __future__ import annotations

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
