"""Routes of pages: a refusal is a page too, so that a person can read it and find the way back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from ktrdr.errors import KtrdrError
from ktrdr.worker.access.middleware import SESSION
from ktrdr.worker.errors import invalid
from ktrdr.worker.pages.parts.rendering import IN_SESSION, page
from ktrdr.worker.statuses import http_status

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """Route whose errors are pages, with the status that a program would get."""

    def get_route_handler(self) -> _Handler:
        """Returns the handler of the route, with its errors as pages."""
        answer = super().get_route_handler()

        async def answer_or_say_why(request: Request) -> Response:
            IN_SESSION.set(SESSION in request.scope)
            try:
                return await answer(request)
            except RequestValidationError as error:
                return error_page(invalid(error.errors()[0]))
            except KtrdrError as error:
                return error_page(error)

        return answer_or_say_why


def error_page(error: KtrdrError) -> Response:
    """Returns the page about an error."""
    return page("error.html", status=http_status(error), error=error.to_dict())


def router_of_pages(prefix: str = "") -> APIRouter:
    """Returns a router whose routes are pages for people; the OpenAPI document is for programs and leaves them out."""
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False)
