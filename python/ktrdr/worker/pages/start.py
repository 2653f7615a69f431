"""Pages with forms: a new run of each kind that can be started, and a fork of a saved one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from ktrdr.data.store.repository import Repository
from ktrdr.errors import NotFound
from ktrdr.neural.storage import ModelStorage
from ktrdr.research.designer.grammar.designer import NAME as GRAMMAR
from ktrdr.research.designer.language.models import MODELS
from ktrdr.strategy.library import list_strategies
from ktrdr.time import Timeframe
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.pages.parts.forms import fields_of
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.route import router_of_pages
from ktrdr.worker.schemas import ForkBody, ResearchBody, StartBody, TrainingBody, WalkForwardBody
from ktrdr.worker.service import OperationId, Parts
from ktrdr.worker.views import operation_view

router = router_of_pages(PAGES)


@dataclass(frozen=True)
class Start:
    """A kind of run that a form starts: its words, the model of its body, and the route that takes it."""

    label: str
    body: type[BaseModel]
    path: str


STARTS: Final = {
    "backtest": Start("Backtest", StartBody, "/backtests/start"),
    "training": Start("Training", TrainingBody, "/trainings/start"),
    "walkforward": Start("Walk-forward", WalkForwardBody, "/walk-forwards/start"),
    "research": Start("Research", ResearchBody, "/research/start"),
}


@router.get("/start/{kind}")
def start(kind: str) -> HTMLResponse:
    """Returns the form that starts a run of a kind."""
    chosen = STARTS.get(kind)
    if chosen is None:
        raise NotFound("no such form", found=kind[:40], expected=" ".join(STARTS))
    return page("start.html", kind=kind, chosen=chosen, starts=STARTS, fields=fields_of(chosen.body, _choices()))


@router.get("/operations/{operation_id}/fork")
def fork(parts: Parts, operation_id: OperationId) -> HTMLResponse:
    """Returns the form that continues a saved run under other rules."""
    view = operation_view(parts.store, parts.store.get(operation_id))
    return page("fork.html", view=view, fields=fields_of(ForkBody, _choices()))


def _choices() -> dict[str, dict[str, str]]:
    """Returns what is here to choose from, by the name of a field: values, each with words that mark it."""
    repository = Repository()
    stored = repository.names()
    symbols = sorted({symbol for symbol, _ in stored})
    frames = {frame for _, frame in stored}
    values = {
        "strategy_name": [one.name for one in list_strategies()],
        "symbol": symbols,
        "symbols": symbols,
        "timeframe": [frame.value for frame in Timeframe if frame in frames],
        "model": [GRAMMAR, *MODELS],
        "device": ["auto", "cpu", "cuda", "mps"],
    }
    models = {stored.id: stored.use for stored in ModelStorage(repository.models_dir).models()}
    return {**{name: dict.fromkeys(found, "") for name, found in values.items()}, "model_id": models}
