"""``ktrdr backtest run``: a strategy over stored bars."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ktrdr.backtesting.config import INITIAL_CAPITAL, BacktestConfig
from ktrdr.cli.answer import Answer
from ktrdr.cli.control import Interrupt
from ktrdr.cli.progress import progress
from ktrdr.cli.requests import rules_of
from ktrdr.cli.summary import summary


def run(
    strategy: str,
    symbol: str,
    timeframe: str,
    /,
    *,
    start_date: str,
    end_date: str,
    model: str | None = None,
    capital: float = INITIAL_CAPITAL,
    commission: float | None = None,
    slippage: float | None = None,
    settings: Annotated[tuple[str, ...], Parameter(name="--set", negative="", consume_multiple=False)] = (),
    threads: int = 2,
    resample: Annotated[bool, Parameter(negative="")] = False,
    strict: Annotated[bool, Parameter(negative="")] = False,
) -> Answer:
    """Trade a strategy over stored bars.

    Parameters
    ----------
    strategy
        A strategy's name or path.
    symbol
        What is traded.
    timeframe
        The strategy's base timeframe.
    start_date
        First date that may be simulated.
    end_date
        Last date, included.
    model
        A bundle's id or path; by default the newest that fits.
    capital
        Initial capital, account currency.
    commission
        Commission rate: a fraction of notional.
    slippage
        Slippage rate: a fraction of price.
    settings
        A rule, as execution.x=y; may be given many times.
    threads
        Torch threads.
    resample
        Make a missing timeframe from a finer one.
    strict
        Refuse bars the model was fitted or selected on.
    """
    rules = rules_of(settings, commission=commission, slippage=slippage)
    config = BacktestConfig.of(
        strategy, symbol, timeframe, start=start_date, end=end_date, model=model, initial_capital=capital,
        threads=threads, resample=resample, strict=strict, execution=rules.get("execution"),
        decisions=rules.get("decisions"), metrics=rules.get("metrics"),
    )  # fmt: skip
    return run_config(config)


def run_config(config: BacktestConfig) -> Answer:
    """Runs it in the foreground, with progress, until it ends or is interrupted."""
    from ktrdr.backtesting.engine import BacktestingEngine

    with Interrupt() as token, progress() as bridge:
        results = BacktestingEngine(config).run(bridge, token)
    return summary(results)
