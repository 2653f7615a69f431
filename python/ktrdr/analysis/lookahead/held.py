"""Holds in memory all that a proof reads: the strategy's series, finer ones as witnesses, external series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ktrdr.analysis.lookahead.market import Market, Recipe
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import BarSource, MemoryBars, Repository
from ktrdr.errors import ArgumentInvalid, DataError, DataNotFound
from ktrdr.strategy.history import context_needs, needs
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Timeframe


def hold(
    strategy: Strategy,
    source: MemoryBars | Repository,
    repository: Repository,
    symbol: str,
    recipes: Mapping[str, Recipe],
) -> Market:
    """Returns the market of a strategy.

    Args:
        strategy: names the series.
        source: where bars come from: frames, or the repository.
        repository: where external series come from.
        symbol: whose bars.
        recipes: functions in place of external series.

    Raises:
        ArgumentInvalid: a recipe for a series that no feature reads.
        DataError: a series of the strategy cannot be read, or is not there and cannot be made.
    """
    external_ids = context_needs(strategy)
    if unknown := sorted(set(recipes) - set(external_ids)):
        expected = ", ".join(external_ids) or "none: the strategy reads no external series"
        raise ArgumentInvalid("no feature reads this series", where="context", found=unknown[0], expected=expected)
    wanted = {name for name, need in needs(strategy).items() if need.load_bars > 0} | {strategy.base_timeframe}
    series = {bars.timeframe: bars for bars in _read(source, symbol, wanted, strategy)}
    base = series.get(strategy.base_timeframe)
    if base is not None:
        real = base.provenance.synthetic
        series = {name: bars for name, bars in series.items() if name in wanted or bars.provenance.synthetic == real}
    external = {id_: repository.context(id_) for id_ in external_ids if id_ not in recipes}
    return Market(symbol, series, external, dict(recipes))


def _read(source: BarSource, symbol: str, wanted: set[Timeframe], strategy: Strategy) -> Iterator[BarSeries]:
    """Yields the strategy's series that are there, and every finer one that can be read."""
    for timeframe in Timeframe:
        if timeframe not in wanted and timeframe >= max(wanted):
            continue
        try:
            yield source.rows(symbol, timeframe, 0, len(source.stamps(symbol, timeframe)))
        except DataNotFound:
            if timeframe == strategy.base_timeframe:
                raise
        except DataError:
            if timeframe in wanted:
                raise
