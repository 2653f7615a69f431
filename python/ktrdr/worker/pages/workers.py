"""The page of the workers that share this database: who lives, and what each of them runs."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi.responses import HTMLResponse

from ktrdr._types import JsonObject
from ktrdr.operations.models import Status, WorkerRecord
from ktrdr.worker.access.middleware import PAGES
from ktrdr.worker.pages.parts.live import duration_text, time_text
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.pages.parts.route import router_of_pages
from ktrdr.worker.service import Parts, Service

router = router_of_pages(f"{PAGES}/workers")


@dataclass(frozen=True)
class Row:
    """A worker as the page shows it."""

    record: WorkerRecord
    since: str
    seen: str

    @classmethod
    def of(cls, record: WorkerRecord) -> Row:
        """Returns the texts of a worker's record."""
        return cls(record, time_text(record.started_at), f"{duration_text(record.seen_s_ago)} ago")


@router.get("")
def workers(parts: Parts) -> HTMLResponse:
    """Returns the page of all workers."""
    return page("workers.html", **_workers(parts))


@router.get("/live")
def live(parts: Parts) -> HTMLResponse:
    """Returns the list of workers alone, to be put in the place of an older one."""
    return page("parts/workers.html", **_workers(parts))


def _workers(parts: Service) -> JsonObject:
    waiting, _ = parts.store.list(status=Status.PENDING)
    running, _ = parts.store.list(status=Status.RUNNING)
    rows = [Row.of(record) for record in parts.store.workers()]
    return {"workers": rows, "waiting": len(waiting), "running": len(running)}
