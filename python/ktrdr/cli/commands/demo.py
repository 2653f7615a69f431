"""``ktrdr demo``: runs the whole pipeline once, on synthetic bars, in a separate data folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ktrdr._lazy import require
from ktrdr.cli.interrupt import Interrupt
from ktrdr.cli.output import CommandResult, current_output
from ktrdr.cli.progress import progress
from ktrdr.data.sample import SYMBOL, write_sample
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataNotFound, LibraryMissing, OutputNotWritable
from ktrdr.settings import data_root
from ktrdr.time import Timeframe

if TYPE_CHECKING:
    from ktrdr.operations.store.store import Store

STRATEGY = "mean_reversion_momentum_v1"
TIMEFRAME = Timeframe.H1
_TRAINED = ("2023-01-01", "2023-12-31")
_TRADED = ("2024-02-01", "2024-04-30")


def demo() -> CommandResult:
    """Run the whole pipeline once on sample data."""
    require("torch", "safetensors")
    repository = Repository(data_root() / "demo")
    say = current_output()
    if not _has_sample(repository):
        say.note("demo 1/3: writing synthetic EURUSD bars")
        write_sample(repository)
    say.note(f"demo 2/3: training {STRATEGY} on {_TRAINED[0]} to {_TRAINED[1]}")
    model = _train(repository)
    say.note(f"demo 3/3: trading {_TRADED[0]} to {_TRADED[1]} with {model}")
    return _trade(repository, model)


def _trade(repository: Repository, model: str) -> CommandResult:
    """Trades with the model, through the database of the demo's folder."""
    from ktrdr.backtesting.inputs.request import BacktestRequest
    from ktrdr.cli.runs.foreground import begin, command_of, folder_url, in_foreground
    from ktrdr.operations.store.store import Store

    request = BacktestRequest.of(STRATEGY, SYMBOL, TIMEFRAME, start=_TRADED[0], end=_TRADED[1], model=model)
    store = Store.open(folder_url(repository.root))
    result = in_foreground(lambda _: begin(store, request), store, repository.root)
    if result.failure is None:
        again = command_of(f"backtest show {result.data['operation_id']}", repository.root)
        current_output().note(f"to see this run again: {again}")
    return _reported(result, store, repository.root)


def _reported(result: CommandResult, store: Store, root: Path) -> CommandResult:
    """Writes the report beside the demo's bars; a demo without the libraries for it is a demo still."""
    from ktrdr.cli.runs.report import with_report

    try:
        return with_report(result, store, root / "report.html", root)
    except (LibraryMissing, OutputNotWritable) as error:
        current_output().note(f"no report: {error}")
        return result


def _has_sample(repository: Repository) -> bool:
    try:
        return len(repository.stamps(SYMBOL, TIMEFRAME)) > 0
    except DataNotFound:
        return False


def _train(repository: Repository) -> str:
    from ktrdr.training.train import train

    with Interrupt() as token, progress() as bridge:
        result = train(
            STRATEGY,
            SYMBOL,
            TIMEFRAME,
            start=_TRAINED[0],
            end=_TRAINED[1],
            data_dir=repository.root,
            bridge=bridge,
            cancellation_token=token,
        )
    return str(result.model_id)
