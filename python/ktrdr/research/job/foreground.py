"""``ktrdr.operations.research``: a cycle in this process that is saved and can be resumed."""

from __future__ import annotations

from pathlib import Path

from ktrdr.arguments import check_threads
from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim, Result
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.research.job.kind import KIND
from ktrdr.research.job.request import ResearchRequest


def research(
    brief: str,
    model: str | None = None,
    *,
    strategy: str | Path | None = None,
    start: str | None = None,
    end: str | None = None,
    seed: int | None = None,
    threads: int = DEFAULT_THREADS,
    note: str | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
) -> Result:
    """Runs a cycle from a brief to a verdict, saved as it goes and therefore resumable.

    The result's ``summary["verdict"]`` is ``overfit``, ``strong_signal``, ``weak_signal`` or ``no_signal``; its
    ``manifest`` has the strategy, the gates with their reasons, the assessment, and the operation of each stage.

    Args:
        brief: the task in plain words.
        model: ``grammar``, or a language model; None chooses by what is set.
        strategy: a strategy that is there already, by name or path.
        start: first date or instant of the bars to use.
        end: last date, or the instant before which they end.
        seed: of the designer and of the training.
        threads: torch threads.
        note: words by which a person tells it from others.
        store: database; None opens the default one.
        bridge: receives the progress reports of each stage.
        cancellation_token: asked in every stage whether to stop; the cycle is saved before it raises ``Cancelled``.
        data_dir: bars, models and strategies; None means the data folder.

    Raises:
        BriefInvalid: the brief cannot be met.
        ModelKeyMissing: a language model without its key.
        DataError: bars are missing or too few.
        Cancelled: the token asked to stop.
    """
    request = ResearchRequest.of(brief, model, strategy=strategy, start=start, end=end, seed=seed)
    found = store or Store.open()
    io = RunIO(found, token=cancellation_token or Token(), bridge=bridge, data_dir=data_dir)
    return KIND.run(begin(found, request, threads=threads, note=note), io)


def begin(store: Store, request: ResearchRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None) -> Claim:
    """Claims a new cycle of this process; raises ``ArgumentInvalid`` or ``ModelKeyMissing`` before that."""
    check_threads(threads)
    request.require_designer()
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)
