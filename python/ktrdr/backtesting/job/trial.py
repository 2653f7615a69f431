"""The trial that a completed backtest is: its strategy, its span, and the figures by which it is compared later."""

from __future__ import annotations

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.models import Trial
from ktrdr.time import Span, Timeframe


def trial_of(results: BacktestResults) -> Trial:
    """Returns a completed backtest as the log of trials keeps it, whatever becomes of its operation."""
    facts = results.facts
    first_ns, last_ns = (Span.parse(facts[name], None).start_ns for name in ("first_simulated", "last_simulated"))
    assert first_ns is not None
    assert last_ns is not None
    blocks = results.blocks
    return Trial(
        symbol=facts["symbol"],
        timeframe=facts["timeframe"],
        from_ns=first_ns,
        until_ns=last_ns + Timeframe(facts["timeframe"]).ns,
        facts={
            "strategy": facts["strategy"],
            "strategy_hash": results.manifest["parts"]["strategy"],
            "model": facts["model"],
            "result_hash": results.result_hash,
            "periods_per_year": results.conventions["periods_per_year"],
            "metrics": dict(results.metrics),
            "blocks": None if blocks is None else [list(block) for block in blocks],
        },
    )
