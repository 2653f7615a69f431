"""Script and style sheet of the pages: files of this package, served by routes of their names."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from ktrdr.report.page import asset as of_reports
from ktrdr.worker.access.middleware import PAGES

router = APIRouter(prefix=PAGES, include_in_schema=False)


@cache
def asset(name: str) -> str:
    """Returns the text of a file in ``worker/pages/assets``."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")


@router.get("/dashboard.js")
async def script() -> Response:
    """Returns the script of every page."""
    # A heat map is chosen as in the report of its sweep.
    return Response(asset("dashboard.js") + of_reports("heat_map.js"), media_type="text/javascript")


@router.get("/dashboard.css")
async def style() -> Response:
    """Returns the style sheet of every page."""
    # A heat map looks as there, too.
    return Response(asset("dashboard.css") + of_reports("heat_map.css"), media_type="text/css")
