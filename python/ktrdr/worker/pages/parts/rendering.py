"""Pages from templates: text is escaped, and a policy allows this service's own script and style and nothing else."""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import cache

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ktrdr._version import __version__
from ktrdr.operations.models import OPERATION_ID
from ktrdr.worker.access.middleware import PAGES

IN_SESSION: ContextVar[bool] = ContextVar("in_session", default=False)
"""True while a request of a session is answered: its pages then have the button that ends it."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d(T[\d:.]+Z|\b)")
_JOINT = re.compile(r"(_|/|\.(?=[a-z]))(?=\w)")
_NAME = re.compile(r"\S*(?:[_/]\w|\.[a-z])\S*")
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?( %)?|-( \(\w+\))?")


def page(template: str, *, status: int = 200, policy: str = _POLICY, **values: object) -> HTMLResponse:
    """Returns a template as a response.

    Args:
        template: its name in ``worker/pages/templates``.
        status: of the response.
        policy: content security policy; by default that of pages with script and style of this service.
        values: names of the template. Text among them is escaped, markup is not.
    """
    text = _environment().get_template(template).render(in_session=IN_SESSION.get(), **values)
    return HTMLResponse(text, status, headers={"content-security-policy": policy})


def flowing(text: str) -> Markup:
    """Returns text that breaks between words; a name is broken at its joints, where it is wider than the line.

    >>> flowing("execution.sizing until 2024-12-31")
    Markup('<span class="name">execution.<wbr>sizing</span> until <span class="whole">2024-12-31</span>')
    """
    names = _NAME.sub(_name, str(escape(text)))
    return Markup(_DATE.sub(r'<span class="whole">\g<0></span>', names))


def _name(found: re.Match[str]) -> str:
    joints = _JOINT.sub(r"\1<wbr>", found[0])
    return f'<span class="name">{joints}</span>'


def linked(text: str) -> Markup:
    """Returns flowing text whose operation ids are links to their pages.

    >>> linked("backtest_0123456789abcdef <b>")
    Markup('<a href="/dashboard/operations/backtest_0123456789abcdef">backtest_0123456789abcdef</a> &lt;b&gt;')
    """
    parts = re.split(f"({OPERATION_ID})", text)
    ids = [Markup('<a href="{}/operations/{}">{}</a>').format(PAGES, it, it) for it in parts[1::2]]
    return Markup("").join([flowing(parts[0]), *(one + flowing(it) for one, it in zip(ids, parts[2::2], strict=True))])


def is_number(text: str) -> bool:
    """Returns True for text that a table sets to the right.

    >>> is_number("-1,234.50"), is_number("36.26 %"), is_number("long")
    (True, True, False)
    """
    return _NUMBER.fullmatch(text) is not None


@cache
def _environment() -> Environment:
    # A heat map looks as in the report of its sweep.
    packages = (("ktrdr.worker.pages", "templates"), ("ktrdr.report", "assets"))
    loader = ChoiceLoader([PackageLoader(*package) for package in packages])
    made = Environment(autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"flowing": flowing, "linked": linked, "breakable": flowing}
    made.tests["number_text"] = is_number
    made.globals |= {"dashboard": PAGES, "version": __version__}
    return made
