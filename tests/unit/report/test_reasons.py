"""Reasons of trades on a page: those of `explain`, to what is printed; a page without them says why."""

from __future__ import annotations

import numpy as np
import pytest

import ktrdr
from ktrdr.analysis.explanation.decision import SHOWN_INPUTS
from ktrdr.data.store.repository import Repository
from ktrdr.report.backtest import backtest_report
from ktrdr.time import Timeframe
from support.inputs import worlds
from support.report_page import Finished, Page


def test_every_reason_is_the_explanations(finished: Finished) -> None:
    page = Page(backtest_report(finished.result, finished.folder, explain=True))
    found = finished.result.explain(data_dir=finished.folder)
    assert sum(map(len, page.data["why"].values())) == len(found.decisions) > 60
    seen = dict.fromkeys(page.data["why"], 0)
    for decision in found.decisions:
        shown = page.data["why"][str(decision.trade)][seen[str(decision.trade)]]
        seen[str(decision.trade)] += 1
        assert shown["said"] == decision.said
        assert shown["state"] == list(decision.state)
        assert [words for words, _ in shown["inputs"][:-1]] == [one.words for one in decision.inputs[:SHOWN_INPUTS]]
        for (_, part), one in zip(shown["inputs"], decision.inputs[:SHOWN_INPUTS], strict=False):
            assert part == pytest.approx(one.attribution, rel=1e-3)
        # Of seven numbers of four digits each.
        assert sum(part for _, part in shown["inputs"]) == pytest.approx(shown["sum"], abs=5e-3)
    assert "integrated gradients" in page.id("curves").text


def test_a_page_has_none_unless_asked(page: Page) -> None:
    assert page.data["why"] == {}
    assert "integrated gradients" not in page.raw


def test_a_page_says_why_it_has_none(finished: Finished) -> None:
    arrays = ktrdr.simulate(worlds.frame(50), np.tile([1, -1], 25))
    assert "a run from arrays has no net" in backtest_report(arrays, explain=True)
    series = Repository(finished.folder)
    kept = series.path("EURUSD", Timeframe.H1).read_bytes()
    try:
        series.path("EURUSD", Timeframe.H1).unlink()
        assert "No reasons: " in backtest_report(finished.result, finished.folder, explain=True)
    finally:
        series.path("EURUSD", Timeframe.H1).write_bytes(kept)
