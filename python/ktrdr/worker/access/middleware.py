"""Access checks before every route: Host, site, caller, content type. Plain ASGI, so streams pass untouched."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ktrdr.errors import AuthRequired, ContentType, HostNotAllowed, HttpInvalid, RequestError
from ktrdr.worker.access.session import COOKIE, is_open, same_token
from ktrdr.worker.access.settings import Access
from ktrdr.worker.access.verbs import Verbs
from ktrdr.worker.errors import error_response
from ktrdr.worker.guard.guesses import Guesses

KNOWN = "ktrdr.known"
"""Key in a request's scope; True if its caller has a token or a session, or if none is needed."""

SESSION = "ktrdr.session"
"""Key in a request's scope; the cookie of the session that its caller is known by, else None."""

OPEN_PATHS = frozenset({"/health", "/ready"})
PAGES = "/dashboard"
"""Start of the paths of pages: a stranger there is shown the login form."""
MOST_HEADER_BYTES = 64 << 10
_MOST_HEADERS = 100
_ONCE = ("host", "authorization", "origin", "content-type", "content-length", "cookie", "sec-fetch-site")
_READING = frozenset({"GET", "HEAD"})
_CHANGES_NOTHING = _READING | {"OPTIONS"}
_LOGIN = frozenset({("GET", "/"), ("POST", "/session")})
_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^\[\]:/?#@\s]+)(:[0-9]{1,5})?")
ANSWER_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",
}


class WrongToken(AuthRequired):
    """A call with another token than that of the service; it is answered after a pause."""


class AccessMiddleware:
    """Passes a request to ``app``, or answers with the error that refuses it.

    Args:
        app: receives what is admitted.
        access: the settings to check against.
        login_page: makes the form for a person who asks for a page without a session, with the status to send.
        verbs: returns the verbs that an address has; a verb that it does not have is refused behind these checks, and
            needs no content type.
        signed_out: the cookies of sessions that their owner has ended.
        guesses: the wrong tokens so far.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        login_page: Callable[[int], ASGIApp],
        verbs: Verbs = lambda _: frozenset(),
        signed_out: Container[str] = (),
        guesses: Guesses | None = None,
    ) -> None:
        self._app = app
        self._access = access
        self._login_page = login_page
        self._verbs = verbs
        self._signed_out = signed_out
        self._guesses = guesses or Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        try:
            scope[KNOWN] = self._admit(scope)
        except WrongToken as error:
            await self._guesses.pause(caller(scope))
            await self._refusal(scope, error)(scope, receive, send)
            return
        except RequestError as error:
            await self._refusal(scope, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, error: RequestError) -> ASGIApp:
        answer = error_response(error)
        asks_for_page = scope["method"] in _READING and scope["path"].startswith(f"{PAGES}/")
        if isinstance(error, AuthRequired) and asks_for_page and "text/html" in Headers(scope=scope).get("accept", ""):
            return self._login_page(answer.status_code)
        return answer

    def _admit(self, scope: Scope) -> bool:
        """Returns True for a known caller; raises the error that refuses the request."""
        headers = Headers(scope=scope)
        _check_head(scope)
        reading = scope["method"] in _CHANGES_NOTHING
        path = scope["path"]
        if scope["method"] in _READING and path in OPEN_PATHS:
            return False
        _check_host(headers, self._access.hosts)
        _check_site(headers)
        known = self._access.token is None or self._is_known(scope, self._access.token, reading=reading)
        if not known and (scope["method"], path) not in _LOGIN:
            raise AuthRequired("a token is needed", expected="Authorization: Bearer TOKEN, or a session")
        if not reading and scope["method"] in (self._verbs(scope) or {scope["method"]}):
            _check_content_type(headers)
        return known

    def _is_known(self, scope: Scope, token: str, *, reading: bool) -> bool:
        """Returns True for the right bearer token, or for an open session, which the scope then names.

        A bearer token decides alone. A request that changes something in a session needs this service's own Origin.
        """
        headers = Headers(scope=scope)
        if "authorization" in headers:
            self._guesses.look_at(caller(scope))
            scheme, _, bearer = headers["authorization"].partition(" ")
            if scheme.lower() != "bearer" or not same_token(bearer.strip().encode("latin-1"), token):
                raise WrongToken("not the token of this service", where="Authorization")
            return True
        cookie = _session_cookie(headers)
        if cookie is None or not is_open(cookie, token) or cookie in self._signed_out:
            return False
        if not reading and not _is_own_origin(headers):
            raise HostNotAllowed("with a session a request that changes something needs this origin", where="Origin")
        scope[SESSION] = cookie
        return True


def caller(scope: Scope) -> str:
    """Returns the address of a caller; that of a proxy, for all behind it."""
    return str(scope["client"][0]) if scope.get("client") else ""


def _check_head(scope: Scope) -> None:
    """Refuses a head that is too large, or that says twice what decides about access."""
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if size > MOST_HEADER_BYTES or len(scope["headers"]) > _MOST_HEADERS:
        raise HttpInvalid("the headers are too large", expected=f"at most {MOST_HEADER_BYTES} bytes")
    names = [name.decode("latin-1") for name, _ in scope["headers"]]
    for name in _ONCE:
        if names.count(name) > 1:
            raise HttpInvalid("the header is given more than once", where=name, found=names.count(name))


def _check_host(headers: Headers, allowed: frozenset[str]) -> None:
    found = _HOST.fullmatch(headers.get("host", ""))
    if found is None or found["name"].lower() not in allowed:
        raise HostNotAllowed("not a name of this service", where="Host", hint="KTRDR_ALLOWED_HOSTS lists them")


def _check_site(headers: Headers) -> None:
    """Refuses pages of another site or of another port of this machine, also if they only read."""
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none"):
        raise HostNotAllowed("a request from another site", where="Sec-Fetch-Site", found=site[:20])
    if "origin" in headers and not _is_own_origin(headers):
        raise HostNotAllowed("a request from another site", where="Origin")


def _is_own_origin(headers: Headers) -> bool:
    try:
        return urlsplit(headers.get("origin", "")).netloc.lower() == headers["host"].lower()
    except ValueError:
        return False


def _session_cookie(headers: Headers) -> str | None:
    try:
        parsed = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return parsed[COOKIE].value if COOKIE in parsed else None


def _check_content_type(headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ContentType("not JSON", where="Content-Type", found=kind[:80] or None, expected="application/json")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ANSWER_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
