"""A report as a test reads it: tables by section, numbers of texts, the data of its chart, all without its code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations import stored_results
from ktrdr.operations.store.store import Store


@dataclass(frozen=True)
class Finished:
    """A run in a store, and the folder of its bars."""

    folder: Path
    store: Store
    id: str

    @property
    def result(self) -> BacktestResults:
        return stored_results(self.store, self.id)


VOID = {"meta", "wbr", "br", "input", "link", "path", "rect", "circle", "line", "polyline", "polygon"}


@dataclass
class Element:
    """A start tag with its attributes, its texts, and what lies inside."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None
    texts: list[str] = field(default_factory=list)
    inside: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """Every element of a tag inside, in order."""
        return [found for one in self.inside for found in ([one] if one.tag == tag else []) + one.all(tag)]

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


class Page(HTMLParser):
    """The elements of a page; the text of an element holds that of the elements inside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.raw = text
        self.root = self._at = Element("", {}, None)
        self.elements: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, self._at)
        self._at.inside.append(made)
        self.elements.append(made)
        if tag not in VOID:
            self._at = made

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._at.tag == tag, (self._at.tag, tag, self.getpos())
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        at: Element | None = self._at
        while at is not None:
            at.texts.append(data)
            at = at.parent

    def id(self, name: str) -> Element:
        """The one element of an id."""
        (found,) = (one for one in self.elements if one.attributes.get("id") == name)
        return found

    def table(self, section: str, number: int = 0) -> list[dict[str, str]]:
        """Rows of a table of a section, by heading."""
        return rows_of(self.id(section).all("table")[number])

    @property
    def data(self) -> dict[str, Any]:
        """Returns the data that the chart is drawn from."""
        found: dict[str, Any] = json.loads(self.id("data").text)
        return found

    @property
    def policy(self) -> dict[str, list[str]]:
        """The directives of the page's own policy."""
        (meta,) = (one for one in self.elements if one.attributes.get("http-equiv") == "Content-Security-Policy")
        return {words[0]: words[1:] for part in meta.attributes["content"].split(";") if (words := part.split())}


def rows_of(table: Element) -> list[dict[str, str]]:
    """Rows of a table by heading; a heading that is there twice is numbered."""
    names = [cell.text for cell in table.all("thead")[0].all("th")]
    return [
        dict(zip(names, [cell.text for cell in row.all("td")], strict=True)) for row in table.all("tbody")[0].all("tr")
    ]


def hash_of(text: str) -> str:
    """The source expression of a policy that allows a text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def is_printed(text: str, value: float | None, *, factor: float = 1.0) -> bool:
    """True if a text is the value to the digits that it shows; ``factor`` is 100 for a rate in per cent."""
    if value is None:
        return text.startswith("-")
    found = re.fullmatch(r"(-?[0-9,]+)(?:\.([0-9]+))?(e[-+][0-9]+)?( %)?", text)
    assert found is not None, text
    number = float(text.replace(",", "").removesuffix(" %"))
    digits = len(found[2] or "") - (int(found[3][1:]) if found[3] else 0)
    wanted = value * (100 if found[4] else factor)
    return abs(number - wanted) <= 0.5000001 * 10.0**-digits + 1e-12 * abs(wanted)


def numbers(part: dict[str, Any]) -> NDArray[np.float64]:
    """A column of the data: differences of whole numbers, or the numbers themselves."""
    whole = np.array(part["d"], np.int64)
    return (whole if part["plain"] else np.cumsum(whole)) / 10.0 ** part["s"]


def runs(part: list[list[int]], rows: int) -> NDArray[np.int64]:
    """A column of the data: runs of equal codes."""
    starts, values = part
    return np.repeat(np.array(values, np.int64), np.diff([*starts, rows]))


def times(part: list[Any]) -> NDArray[np.int64]:
    """The times of the data, s UTC."""
    first, steps, rows = part
    found: NDArray[np.int64] = first + np.cumsum(runs(steps, rows))
    return found


def candles(part: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Open, high, low and close of the data."""
    scale = 10.0 ** part["close"]["s"]
    close = np.cumsum(np.array(part["close"]["d"], np.int64))
    opened = np.concatenate([close[:1], close[:-1]]) + np.array(part["gap"])
    high = np.maximum(opened, close) + part["up"]
    low = np.minimum(opened, close) - part["down"]
    return {"open": opened / scale, "high": high / scale, "low": low / scale, "close": close / scale}
