"""The sentences about a sweep: what DSR and PBO allow to say, and what the neighbours add."""

from __future__ import annotations

import pytest

from ktrdr.report.studies.sweep.words import doubt_lines, neighbour_lines


@pytest.mark.parametrize(
    ("dsr", "says"),
    [(0.95, "is more than luck"), (0.949, "may be luck"), (None, "DSR is undefined")],
)
def test_a_dsr_is_judged_at_95_per_cent(dsr: float | None, says: str) -> None:
    assert says in doubt_lines(1.0, dsr, 0.2, 10)[0]


@pytest.mark.parametrize(
    ("pbo", "says"),
    [(0.5, "no better than one by lot"), (0.3, "partly holds"), (0.05, "the scenarios holds"), (None, "under ten")],
)
def test_a_pbo_is_judged_against_a_choice_by_lot(pbo: float | None, says: str) -> None:
    assert says in doubt_lines(1.0, 0.99, pbo, 10)[1]


def test_a_sweep_of_losers_is_called_one() -> None:
    assert doubt_lines(-0.1, 0.0, 0.0, 10)[0] == "Even the best scenario has no Sharpe ratio above 0."


def test_neighbours_without_a_ratio_are_counted() -> None:
    assert neighbour_lines(1.0, [None])[0] == "1 of them has no Sharpe ratio."
    assert neighbour_lines(1.0, [0.5])[0].startswith("1 scenario is one step of one rule away: Sharpe ratio 0.5 to 0.5")
