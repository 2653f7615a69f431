"""``ktrdr paper``: trades a strategy on the bars of a feed, without money; its status, its kill switch and its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cyclopts import Parameter

from ktrdr._lazy import require
from ktrdr.arguments import check_threads
from ktrdr.cli.output import CommandResult, Table
from ktrdr.cli.runs.options import (
    BaseTimeframe,
    OperationId,
    Settings,
    StrategyName,
    Symbol,
    Threads,
    naming_flags,
    rules_of,
)
from ktrdr.errors import ArgumentInvalid, NotFound
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.time import iso

if TYPE_CHECKING:
    from ktrdr.decision.job.request import PaperOptions

_FIGURES = (
    "equity",
    "position",
    "working",
    "trades",
    "feed",
    "next_bar",
    "clock",
    "refused",
    "missing",
    "late",
    "overrides",
    "block_rows",
)


@Parameter(name="*")
@dataclass(frozen=True)
class FeedOptions:
    """Options of a paper run; help follows `ktrdr.decision.job.request`. None means the default."""

    start_date: str | None = None
    "First date or instant that may be traded; by default the first bar of the feed."

    end_date: str | None = None
    "Last date (that whole day), or the instant at which the run ends; by default there is no end."

    model: str | None = None
    "A bundle's id or path; by default the strategy's newest net on this symbol's bars, never one of a fold."

    capital: float | None = None
    "Initial capital in account currency; by default 100,000."

    settings: Settings = ()
    "A rule, as metrics.periods_per_year=252 or execution.x=y; may be given many times."

    largest_position: float | None = None
    "Notional above which no position is opened, account currency."

    daily_loss: float | None = None
    "Loss of a UTC day that stops trading until the next one, account currency."

    def parameters(self) -> PaperOptions:
        """Returns the parameters that were given, by their names in a request."""
        given = {
            "start": self.start_date,
            "end": self.end_date,
            "model": self.model,
            "initial_capital": self.capital,
            "largest_position": self.largest_position,
            "daily_loss": self.daily_loss,
            **rules_of(self.settings),
        }
        return cast("PaperOptions", {name: value for name, value in given.items() if value is not None})


NO_OPTIONS = FeedOptions()


def run(
    strategy: StrategyName,
    symbol: Symbol,
    timeframe: BaseTimeframe,
    /,
    *,
    feed: str,
    options: FeedOptions = NO_OPTIONS,
    threads: Threads = DEFAULT_THREADS,
    note: str | None = None,
) -> CommandResult:
    """Trade a strategy on the bars of a feed, without money.

    Parameters
    ----------
    feed
        A file, ws://..., or a name in feeds/ of the data folder.
    note
        Words by which you tell the run from others.
    """
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.decision.job.foreground import begin
    from ktrdr.decision.job.request import PaperRequest
    from ktrdr.operations.store.store import Store

    require("torch", "safetensors")
    with naming_flags():
        check_threads(threads)
        request = PaperRequest.of(strategy, symbol, timeframe, feed, **options.parameters())
    store = Store.open()
    return in_foreground(lambda _: begin(store, request, threads=threads, note=note), store)


def status(operation_id: OperationId = "latest", /) -> CommandResult:
    """Print what a paper run does now, and the last lines of its log."""
    from ktrdr.decision.job.events import read_events
    from ktrdr.operations.models import Status
    from ktrdr.operations.store.store import Store

    store = Store.open()
    operation = store.get(_paper_id(operation_id))
    progress = dict(operation.progress or {})
    events = read_events(store, operation.id).tail(20)
    times = map(iso, events["time"].to_physical().to_list())
    last = [row | {"time": time} for row, time in zip(events.to_dicts(), times, strict=True)]
    data = {"operation_id": operation.id, "status": operation.status.value, "progress": progress, "events": last}
    shown = [name for name in _FIGURES if operation.status is Status.RUNNING or name != "clock"]
    rows = [[name, _figure(progress[name])] for name in shown if progress.get(name) is not None]
    lines = [f"{operation.id}: {operation.status.value}, {progress.get('bar') or 0:,} bars to {progress.get('time')}"]
    if progress.get("stopped"):
        lines.append(f"trading is stopped: {progress['stopped']}")
    log = Table(["time", "event", "what"], [[row["time"], row["kind"], row["text"]] for row in last])
    return CommandResult(data, [*lines, Table(["", ""], rows), *([log] if last else [])])


def _figure(value: object) -> str:
    """Returns a figure of the progress as people read it.

    >>> _figure(99876.30456818463), _figure(366), _figure("71 lines read")
    ('99,876.30457', '366', '71 lines read')
    """
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def kill(operation_id: str, /, *, reason: str = "by hand") -> CommandResult:
    """Stop trading at once: orders that wait are cancelled, open positions are closed at the next price.

    Parameters
    ----------
    operation_id
        Its id, the start of it, latest, or all for every paper run of the data folder, later ones too.
    reason
        Words for the log.
    """
    from ktrdr.decision.job.controls import Controls, kill_all

    if operation_id == "all":
        path = kill_all(reason)
        return CommandResult({"stopped": "all", "file": str(path)}, [f"no paper run trades while there is {path}"])
    found = _open_id(operation_id)
    Controls(found).kill(reason)
    return _asked(found, f"{found} stops trading: {reason}")


def stop(operation_id: OperationId, /) -> CommandResult:
    """End a paper run with its result."""
    from ktrdr.decision.job.controls import Controls

    found = _open_id(operation_id)
    Controls(found).finish("by hand")
    return _asked(found, f"{found} ends after its current bar")


def _paper_id(reference: str) -> str:
    """Returns the id of a paper run; ``latest`` is the newest one. Raises ``ArgumentInvalid`` for another kind."""
    from ktrdr.operations.models import LATEST
    from ktrdr.operations.store.store import Store

    store = Store.open()
    if reference == LATEST:
        runs, _ = store.list(kind="paper", limit=1)
        if not runs:
            raise NotFound("no paper run yet", where=reference)
        return runs[0].id
    found = store.find_id(reference)
    kind = store.get(found).kind
    if kind != "paper":
        raise ArgumentInvalid("not a paper run", where=found, found=kind, expected="paper")
    return found


def _open_id(reference: str) -> str:
    """Returns the id of a paper run that has not ended; raises ``AlreadyCompleted`` for one that has."""
    from ktrdr.decision.job.controls import require_open
    from ktrdr.operations.store.store import Store

    found = _paper_id(reference)
    require_open(Store.open().get(found))
    return found


def _asked(operation_id: str, line: str) -> CommandResult:
    data: Mapping[str, Any] = {"operation_id": operation_id}
    return CommandResult(data, [line])
