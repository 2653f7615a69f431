"""``ktrdr verify``: proves that nothing knows the future, and that a stored result is what it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.progress import progress
from ktrdr.cli.runs.options import BaseTimeframe, Flag, OperationId, Resample, StrategyName, Whole
from ktrdr.errors import LookaheadFound, ResultDamaged

if TYPE_CHECKING:
    from ktrdr.analysis.lookahead.report import LookaheadReport


def look_ahead(
    strategy: StrategyName,
    symbol: str,
    timeframe: BaseTimeframe,
    /,
    *,
    start_date: str | None = None,
    end_date: str | None = None,
    model: str | None = None,
    resample: Resample = False,
    cuts: Whole = 500,
    seconds: float = 60.0,
) -> CommandResult:
    """Build the features with and without the future, and name each that differs; exit code 7 if one does.

    Parameters
    ----------
    symbol
        Instrument whose stored bars are used.
    start_date
        First date or instant of the range.
    end_date
        Last date (that whole day), or the instant before which the range ends.
    model
        A bundle's id or path, whose signals are compared; by default the strategy's newest net on this
        symbol's bars, never one of a fold.
    cuts
        Number of random bars after which the future is removed; each close of a higher timeframe is tried as well.
    seconds
        Time after which no further place is tried.
    """
    from ktrdr.analysis.lookahead.proof import verify_lookahead

    with Interrupt() as token, progress() as bridge:
        report = verify_lookahead(
            strategy,
            symbol,
            timeframe,
            start=start_date,
            end=end_date,
            model=model,
            resample=resample,
            cuts=cuts,
            seconds=seconds,
            bridge=bridge,
            cancellation_token=token,
        )
    return _answer(report)


def result(operation_id: OperationId, /, *, rerun: Flag = False) -> CommandResult:
    """Derive a stored result again from its ledger, and name what differs; exit code 4 if something does.

    Parameters
    ----------
    rerun
        Run it again from its bars, its strategy and its net, too.
    """
    from ktrdr.operations.store.store import Store
    from ktrdr.operations.verification import verify_result

    found = verify_result(Store.open(), operation_id, rerun=rerun)
    words = {True: "holds", False: "DIFFERS", None: "not tried"}
    table = Table(("", "", ""), [(proof.name, words[proof.holds], proof.detail) for proof in found.proofs])
    failure = None
    if found.failed:
        names = ", ".join(proof.name for proof in found.failed)
        failure = ResultDamaged("the result does not prove itself", operation=found.operation_id, found=names)
    return CommandResult(dict(found.to_dict()), [f"{found.operation_id}, result {found.result_hash}", table], failure)


def _answer(report: LookaheadReport) -> CommandResult:
    leaks = set(report.leaks)
    rows = [(name, series, "leaks" if name in leaks else "clean") for name, series in report.features.items()]
    shown: list[str | Table] = [report.headline, Table(("feature", "series", "verdict"), rows), *report.lines()]
    failure = None
    if not report.clean:
        failure = LookaheadFound(
            f"{report.verdict}: {', '.join(report.leaks)}",
            symbol=report.symbol,
            timeframe=report.timeframe,
            hint="the lines above say through which series",
        )
    return CommandResult(report.to_dict(), shown, failure)
