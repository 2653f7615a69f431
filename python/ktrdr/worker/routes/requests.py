"""Bodies turned into backtest requests; checks all that needs no data before anything is stored."""

from __future__ import annotations

from ktrdr._types import Json
from ktrdr.analysis.sweep.request import SweepParameters, SweepRequest
from ktrdr.analysis.walk_forward.request import WalkForwardParameters, WalkForwardRequest
from ktrdr.backtesting.inputs.parameters import BacktestParameters
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.data.store.repository import Repository
from ktrdr.decision.job.request import PaperParameters, PaperRequest
from ktrdr.errors import RequestInvalid
from ktrdr.operations.kind import kind_of
from ktrdr.operations.models import Operation
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.text import nearest
from ktrdr.training.job.request import TrainingParameters, TrainingRequest
from ktrdr.worker.schemas import ForkBody, PaperBody, Rules, StartBody, SweepBody, TrainingBody, WalkForwardBody


def request_of(body: StartBody) -> BacktestRequest:
    """Returns the backtest that a start asks for; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
    parameters = {name: getattr(body, name) for name in BacktestParameters.model_fields}
    parameters["execution"] = _execution(body)
    return BacktestRequest.of(body.strategy, **parameters, allow_path=False, threads=body.threads or DEFAULT_THREADS)


def training_of(body: TrainingBody) -> TrainingRequest:
    """Returns the training that a start asks for; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
    parameters = {name: getattr(body, name) for name in TrainingParameters.model_fields}
    return TrainingRequest.of(body.strategy, **parameters, allow_path=False)


def walk_forward_of(body: WalkForwardBody) -> WalkForwardRequest:
    """Returns the walk-forward that a start asks for; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
    parameters = {name: getattr(body, name) for name in WalkForwardParameters.model_fields}
    return WalkForwardRequest.of(body.strategy, **parameters, allow_path=False)


def sweep_of(body: SweepBody) -> SweepRequest:
    """Returns the sweep that a start asks for; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
    parameters = {name: getattr(body, name) for name in SweepParameters.model_fields}
    return SweepRequest.of(body.strategy, **parameters, allow_path=False)


def paper_of(body: PaperBody) -> PaperRequest:
    """Returns the paper run that a start asks for; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
    parameters = {name: getattr(body, name) for name in PaperParameters.model_fields}
    return PaperRequest.of(body.strategy, **parameters, allow_path=False)


def _execution(body: StartBody) -> Rules | None:
    """Returns the rules as given, with ``commission`` and ``slippage`` as rates among them."""
    rates = {"commission": body.commission, "slippage": body.slippage}
    given = {name: {"rate": rate} for name, rate in rates.items() if rate is not None}
    return {**(body.execution or {}), **given} or None


def fork_of(parent: Operation, body: ForkBody) -> Json:
    """Returns the spec of a fork: the parent's, with the fork's rules merged over its own."""
    changes = {"execution": body.execution, "decisions": body.decisions, "model": body.model_id}
    return kind_of(parent.kind).forked(parent.spec, changes, body.threads or parent.threads)


def require_symbol(symbol: str) -> None:
    """Passes where a series of that symbol is stored here; ``RequestInvalid`` with the nearest."""
    known = sorted({name for name, _ in Repository().names()})
    if symbol not in known:
        hint = nearest(symbol, known) or f"known here: {', '.join(known[:20]) or 'none'}"
        raise RequestInvalid("no bars of that symbol", field="symbol", found=symbol, hint=hint)
