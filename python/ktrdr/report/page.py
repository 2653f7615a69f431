"""One HTML file from a template: text is escaped, and a policy allows its own script and style and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from ktrdr.report.tables import Cell

_JOINT = re.compile(r"[_/]|\.(?=[a-z])")


@cache
def asset(name: str) -> str:
    """Returns the text of a file in ``report/assets``."""
    return files(__package__).joinpath("assets", name).read_text("utf-8")


def render(template: str, *, script: str, data: object, **values: object) -> str:
    """Returns a page as one text.

    Args:
        template: name of the template in ``report/assets``.
        script: the page's JavaScript; it reads ``data``.
        data: a JSON value.
        values: names of the template. Text among them is escaped, markup of `jinja2` is not.
    """
    style = asset("report.css") + asset("heat_map.css")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    )
    from markupsafe import Markup

    parts = {"policy": policy, "script": Markup(script), "style": Markup(style), "data": Markup(json_block(data))}
    return _environment().get_template(template).render(**parts, **values)


def json_block(data: object) -> str:
    """Returns JSON for a script element: no text in it can end the element.

    >>> json_block({"name": "</script><b>"})
    '{"name":"\\\\u003c/script>\\\\u003cb>"}'
    """
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("ktrdr.report", "assets")
    made = Environment(autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"breakable": _breakable, "cells": _cells}
    return made


def _breakable(text: str) -> Markup:
    """Returns text that a narrow screen may break at the joints of a name, such as an underscore, and not in a word."""
    from markupsafe import Markup, escape

    return Markup(_JOINT.sub(r"\g<0><wbr>", str(escape(text))))


def _cells(row: Sequence[Cell]) -> Markup:
    """Returns the cells of a row; a loop of the template takes five times as long for thousands of trades."""
    from markupsafe import Markup

    looks = {"": ""} | {cell.kind: f' class="{escape(cell.kind)}"' for cell in row if cell.kind}
    return Markup("".join(f"<td{looks[cell.kind]}>{escape(cell.text)}</td>" for cell in row))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
