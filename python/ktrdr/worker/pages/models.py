"""Pages of the trained models of this worker's data folder."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from ktrdr.data.store.repository import Repository
from ktrdr.neural.storage import ModelStorage
from ktrdr.training.shown_model import model_facts, model_row, model_sections
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.route import router_of_pages

router = router_of_pages(f"{PAGES}/models")


@router.get("")
def models() -> HTMLResponse:
    """Returns the list of all models."""
    return page("models.html", models=[(model_row(stored), stored.use) for stored in _storage().models()])


@router.get("/{strategy}/{version}")
def model(strategy: str, version: str) -> HTMLResponse:
    """Returns the page of one model."""
    facts = model_facts(_storage().find(f"{strategy}/{version}"))
    # The page has its id and its warnings in other places.
    sections = [it for it in model_sections(facts, drawn=True)[1:-1] if it.lines or it.rows]
    shown = {name: facts[name] for name in ("id", "warnings", "features")}
    return page("model.html", sections=sections, **shown)


def _storage() -> ModelStorage:
    return ModelStorage(Repository().models_dir)
