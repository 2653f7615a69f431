"""The inserts of the guide: a line ``<!-- insert: NAME ARGUMENT -->`` of a page becomes text from the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from scripts.guide.pictures.execution import execution_picture
from scripts.guide.pictures.memberships import membership_picture
from scripts.guide.tables.answers import answers
from scripts.guide.tables.commands import commands
from scripts.guide.tables.errors import errors
from scripts.guide.tables.http import routes
from scripts.guide.tables.indicators import family
from scripts.guide.tables.metrics import ledger, metrics, reasons
from scripts.guide.tables.python_api import names
from scripts.guide.tables.settings import settings
from scripts.guide.tables.strategy import rules, section

_LINE = re.compile(r"^<!-- insert: ([a-z-]+)(?: (\S+))? -->$", re.M)

INSERTS: Mapping[str, Callable[..., str]] = {
    "answers": answers,
    "commands": commands,
    "errors": errors,
    "execution-picture": execution_picture,
    "indicators": family,
    "ledger": ledger,
    "membership-picture": membership_picture,
    "metrics": metrics,
    "python": names,
    "reasons": reasons,
    "routes": routes,
    "rules": rules,
    "section": section,
    "settings": settings,
}
"""Every insert by name: a function of at most one word that returns Markdown."""


def fill(text: str, page: str) -> str:
    """Returns the text of a page with every insert in place; an unknown insert is an error that names the page."""

    def one(found: re.Match[str]) -> str:
        if found[1] not in INSERTS:
            raise SystemExit(f"{page}: no insert is named {found[1]}; there are {', '.join(INSERTS)}")
        arguments = [] if found[2] is None else [found[2]]
        return INSERTS[found[1]](*arguments)

    return _LINE.sub(one, text)
