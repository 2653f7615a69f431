"""``ktrdr research``: from a brief to a strategy file, a trained net, a backtest and a verdict."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from ktrdr.cli.output import CommandResult
from ktrdr.cli.runs.options import Flag, Note, QueueWorker, SlotThreads, Whole
from ktrdr.profile import DEFAULT_THREADS


def research(
    brief: str,
    /,
    *,
    model: Annotated[str | None, Parameter(alias="-m")] = None,
    follow: Annotated[Flag, Parameter(alias="-f")] = False,
    strategy: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    seed: Whole | None = None,
    threads: SlotThreads = None,
    note: Note = None,
    worker: QueueWorker = None,
) -> CommandResult:
    """Design, train, backtest and judge a strategy from a brief; without --worker it runs here, until its end.

    Parameters
    ----------
    brief
        The task in plain words, as "RSI and Bollinger bands on 1h and 5m for EURUSD".
    model
        Designer: grammar (offline), or a language model: haiku, sonnet, opus, or a full id.
    follow
        With --worker: follow it until its end. Without it the command returns the id.
    strategy
        A strategy's name or path, in place of a design.
    start_date
        First date of the bars to use; by default the first that every series has.
    end_date
        Last date of the bars to use, included; by default the last that every series has.
    seed
        Seed of the designer's draws and of the training; by default 0.
    """
    from ktrdr.research.job.request import ResearchRequest

    request = ResearchRequest.of(brief, model, strategy=strategy, start=start_date, end=end_date, seed=seed)
    if worker is not None:
        from ktrdr.cli.runs.client import queued
        from ktrdr.worker.client import WorkerClient

        place = WorkerClient(worker)
        accepted = place.start_research(start_body(request.to_spec(), model, threads, note))
        if not follow:
            return queued(accepted, worker)
        from ktrdr.cli.runs.following import followed_to_its_result

        return followed_to_its_result(place, accepted["operation_id"])
    from ktrdr.cli.runs.foreground import in_foreground
    from ktrdr.operations.store.store import Store
    from ktrdr.research.job.foreground import begin

    store = Store.open()
    here = DEFAULT_THREADS if threads is None else threads
    return in_foreground(lambda _: begin(store, request, threads=here, note=note), store)


def start_body(spec: dict[str, Any], model: str | None, threads: int | None, note: str | None) -> dict[str, Any]:
    """Returns the body of a start; a strategy that was given goes as its text."""
    given = {
        "brief": spec["brief"],
        "model": None if spec["strategy_text"] is not None else model,
        "start_date": spec["start"],
        "end_date": spec["end"],
        "seed": spec["seed"],
        "strategy_yaml": spec["strategy_text"],
        "threads": threads,
        "note": note,
    }
    return {name: value for name, value in given.items() if value is not None}
