"""Gates judge numbers: what passes, what fails, and the sentence with the reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ktrdr.research.gates import Gate, backtest_gate, mean_block_bars, tradable_returns, training_gate

LENGTH = 1_000


def alternating(length: int, run: int) -> NDArray[np.int8]:
    """Signals of 1 and -1 that change every ``run`` bars."""
    return np.where(np.arange(length) // run % 2, -1, 1).astype(np.int8)


def noise(length: int, seed: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.0, 0.001, length)


class TestTradableReturns:
    def test_a_signal_earns_from_its_fill_to_the_next_one(self) -> None:
        opens = np.array([10.0, 11, 13, 12, 12])
        closes = np.array([10.5, 12, 12.5, 12, 15])
        found = tradable_returns(opens, closes)
        assert found[:3].tolist() == pytest.approx([math.log(13 / 11), math.log(12 / 13), 0.0])
        assert np.isnan(found[3:]).all()

    def test_a_gap_before_the_fill_is_not_earned(self) -> None:
        """The price jumps between the close of the signal and the next open: nobody could trade that."""
        opens = np.array([1.0, 2.0, 2.0, 2.0])
        closes = np.array([1.0, 2.0, 2.0, 2.0])
        assert tradable_returns(opens, closes)[0] == 0.0

    def test_orders_that_fill_at_the_close_earn_from_there(self) -> None:
        opens = np.array([1.0, 5.0, 5.0])
        closes = np.array([1.0, 2.0, 4.0])
        found = tradable_returns(opens, closes, at_close=True)
        assert found[:2].tolist() == pytest.approx([math.log(2), math.log(2)])
        assert np.isnan(found[2])


@pytest.mark.parametrize(("run", "block"), [(1, 24.0), (12, 24.0), (20, 40.0), (50, 100.0)])
def test_a_block_is_twice_the_mean_run_but_at_least_24_bars(run: int, block: float) -> None:
    assert mean_block_bars(alternating(LENGTH, run)) == pytest.approx(block, rel=0.03)


class TestTraining:
    def test_an_edge_passes(self) -> None:
        signals = alternating(LENGTH, 10)
        gate = training_gate(signals, noise(LENGTH) + 0.0005 * signals, seed=1)
        assert gate.passed
        assert gate.figures["lower"] > 0
        assert gate.reason.endswith("the lower bound is above 0")

    def test_the_same_edge_the_wrong_way_round_fails(self) -> None:
        signals = alternating(LENGTH, 10)
        gate = training_gate(signals, noise(LENGTH) - 0.0005 * signals, seed=1)
        assert not gate.passed
        assert gate.figures["upper"] < 0

    def test_chance_fails_with_its_numbers(self) -> None:
        gate = training_gate(alternating(LENGTH, 10), noise(LENGTH), seed=1)
        assert not gate.passed
        assert "over 1,000 test rows, 95 % interval, expanded for few blocks, " in gate.reason
        assert gate.reason.endswith("the lower bound is not above 0")

    @pytest.mark.parametrize(("length", "enough"), [(239, False), (240, True)])
    def test_fewer_than_ten_blocks_are_too_little_data(self, length: int, enough: bool) -> None:
        signals = alternating(length, 5)
        gate = training_gate(signals, 0.01 * signals.astype(float), seed=1)
        assert gate.passed == enough
        assert gate.reason.startswith("too little data: 239 test rows") != enough

    def test_no_signal_at_all_fails(self) -> None:
        gate = training_gate(np.zeros(LENGTH, np.int8), noise(LENGTH), seed=1)
        assert (gate.passed, gate.reason) == (
            False, "the net never gives a signal to buy or sell on 1,000 test rows",
        )  # fmt: skip

    def test_signals_that_may_not_be_traded_fail_with_their_number(self) -> None:
        gate = training_gate(np.zeros(LENGTH, np.int8), noise(LENGTH), seed=1, given=412)
        assert not gate.passed
        assert gate.reason.startswith("the net gives 412 signals on 1,000 test rows, and the strategy may trade none")

    def test_no_row_fails(self) -> None:
        assert not training_gate(np.zeros(0, np.int8), np.zeros(0), seed=1).passed

    def test_equal_seeds_give_equal_gates(self) -> None:
        first, second = (training_gate(alternating(LENGTH, 10), noise(LENGTH), seed=7) for _ in range(2))
        assert first == second
        assert Gate.of(first.to_dict()) == first

    def test_a_null_market_hardly_ever_passes(self) -> None:
        """Signals that follow the past of a walk, as a net's do; the soak has whole cycles."""
        passed = 0
        for seed in range(24):
            returns = noise(400, seed)
            past = np.convolve(returns, np.ones(8), "full")[: len(returns)]
            signals = np.sign(np.concatenate([[0.0], past[:-1]])).astype(np.int8)
            passed += training_gate(signals, returns, seed=seed).passed
        assert passed <= 4  # 3 to 5 % are expected, so 5 of 24 would be one case in a hundred


class TestBacktest:
    @pytest.mark.parametrize(
        ("trades", "drawdown", "passed"),
        [(10, 0.49, True), (9, 0.1, False), (10, 0.5, False), (0, None, False), (30, None, True)],
    )
    def test_it_asks_for_trades_and_a_bounded_drawdown(self, trades: int, drawdown: float | None, passed: bool) -> None:
        gate = backtest_gate({"trades": trades, "max_drawdown": drawdown, "net_profit": 1.0})
        assert gate.passed == passed
        assert gate.reason.startswith(f"net of costs: {trades} trades")
