"""Login of browsers: the form, and the routes that exchange a token for a cookie and end its session."""

from __future__ import annotations

import asyncio
import base64
import hashlib

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from ktrdr.errors import AuthRequired, NotFound
from ktrdr.worker.access.middleware import SESSION, caller
from ktrdr.worker.access.session import COOKIE, SESSION_SECONDS, open_session, same_token
from ktrdr.worker.pages.assets import asset
from ktrdr.worker.pages.parts.rendering import page
from ktrdr.worker.schemas import NothingBody, SessionBody
from ktrdr.worker.service import Parts

router = APIRouter(tags=["pages"])


def login_page(status: int = 200) -> HTMLResponse:
    """Returns the page with the login form and nothing else: strangers are not served a file beside it."""
    style = asset("dashboard.css")
    script = asset("login.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return page("login.html", status=status, policy=policy, style=Markup(style), script=Markup(script))


@router.post("/session")
async def session(request: Request, parts: Parts, body: SessionBody) -> JSONResponse:
    """Gives the cookie of a session in exchange for the token; 404 where there is none.

    Each further wrong one of an address is answered later, up to 8 seconds, and the next is tried after that.
    """
    token = parts.access.token
    if token is None:
        raise NotFound("nothing at this address")
    address = caller(request.scope)
    async with parts.guesses.turn(address):
        if not same_token(body.token.encode(), token):
            await asyncio.sleep(parts.guesses.is_wrong(address))
            raise AuthRequired("not the token of this service")
        parts.guesses.is_right(address)
    answer = JSONResponse({"status": "ok"})
    answer.set_cookie(
        COOKIE,
        open_session(token),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/session/end")
async def sign_out(request: Request, parts: Parts, body: NothingBody | None = None) -> JSONResponse:
    """Ends the session of the caller's cookie, also for copies of it, and removes the cookie; 404 without a session."""
    cookie = request.scope.get(SESSION)
    if cookie is None:
        raise NotFound("there is no session to end")
    await run_in_threadpool(parts.signed_out.add, cookie)
    answer = JSONResponse({"status": "ok"})
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
