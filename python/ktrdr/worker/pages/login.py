"""Login of browsers: the form, and the route that exchanges a token for a cookie."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from ktrdr.errors import AuthRequired, NotFound
from ktrdr.worker.access.session import COOKIE, SESSION_SECONDS, open_session, same_token
from ktrdr.worker.pages.page_style import page
from ktrdr.worker.schemas import SessionBody
from ktrdr.worker.service import Parts

router = APIRouter(tags=["pages"])

_LOGIN = """<h1>ktrdr</h1>
<form><input autocomplete="username" value="ktrdr" hidden><label for="token">Token of this service</label>
<input id="token" type="password" required autofocus autocomplete="current-password">
<button>Sign in</button><div role="alert"></div></form>
<noscript><p>Signing in here needs JavaScript; programs send <code>Authorization: Bearer TOKEN</code>.</p></noscript>
"""
_SCRIPT = """
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.querySelector("#token").value;
  const said = document.querySelector("[role=alert]");
  try {
    const answer = await fetch("/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
    });
    if (answer.ok) { location.replace("/"); return; }
    said.textContent = (await answer.json()).error.message;
  } catch { said.textContent = "The worker does not answer."; }
});
"""


def login_page() -> HTMLResponse:
    """Returns the page with the login form and nothing else."""
    return page(_LOGIN, script=_SCRIPT)


@router.post("/session")
def session(request: Request, parts: Parts, body: SessionBody) -> JSONResponse:
    """Gives the cookie of a session in exchange for the token; 404 where there is none."""
    token = parts.access.token
    if token is None:
        raise NotFound("nothing at this address")
    if not same_token(body.token.encode(), token):
        raise AuthRequired("not the token of this service")
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
