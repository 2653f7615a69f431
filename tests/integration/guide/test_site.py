"""The guide is built without a warning, links to what exists, loads nothing from elsewhere, and leaves nothing out."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import ktrdr
import ktrdr.analysis
import ktrdr.backtesting
import ktrdr.operations
from ktrdr._core import METRICS, UNDEFINED
from ktrdr.cli.catalog import COMMANDS, Group
from ktrdr.errors import KtrdrError
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.rule_reference import rules
from support.guide import PAGES, ROOT

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Reader(HTMLParser):
    """The ids, the links and the loaded files of one page, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.pictures = 0
        self.text = ""
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        self.pictures += tag == "figure"
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if tag in LOADS and values.get(LOADS[tag]):
            self.loads.append(str(values[LOADS[tag]]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Reader]:
    """Every built page by its path."""
    target = tmp_path_factory.mktemp("guide") / "site"
    command = [sys.executable, "-W", "error::SyntaxWarning", "-m", "scripts.guide", str(target)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", ""), built.stderr
    return {page: Reader(page) for page in target.rglob("*.html")}


def page_of(site: dict[Path, Reader], name: str) -> Reader:
    """The page whose path ends so."""
    return next(reader for path, reader in site.items() if str(path).endswith(name))


def codes(family: type[KtrdrError]) -> set[str]:
    """The codes of a family of errors and of all below it."""
    own = {family.code} if "code" in vars(family) and family is not KtrdrError else set()
    return own.union(*(codes(one) for one in family.__subclasses__()))


EXAMPLES = """
import doctest, sys
from importlib import import_module
tried = [doctest.testmod(import_module(name)) for name in sys.argv[1:]]
sys.exit(any(found.failed or not found.attempted for found in tried))
"""


def test_examples_of_the_builder() -> None:
    """The examples in the docstrings of `scripts/guide` give what they say."""
    files = [
        file.relative_to(ROOT) for file in (ROOT / "scripts" / "guide").rglob("*.py") if ">>> " in file.read_text()
    ]
    modules = [".".join(file.with_suffix("").parts) for file in files]
    done = subprocess.run([sys.executable, "-c", EXAMPLES, *modules], cwd=ROOT, capture_output=True, text=True)
    assert modules and done.returncode == 0, done.stdout + done.stderr


def test_every_page_is_built(site: dict[Path, Reader]) -> None:
    assert {page.stem for page in PAGES} <= {path.stem for path in site}


def test_links_and_anchors_exist(site: dict[Path, Reader]) -> None:
    broken = []
    for path, reader in site.items():
        for link in reader.links:
            parts = urlsplit(link)
            if parts.scheme in {"http", "https", "mailto"}:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            page = site.get(target)
            if not target.exists() or (parts.fragment and page and unquote(parts.fragment) not in page.ids):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Reader]) -> None:
    """No font, script, style or picture of another host, in pages or in style sheets."""
    assert [load for reader in site.values() for load in reader.loads if "//" in load] == []
    root = next(path for path in site if path.name == "index.html").parent
    for sheet in root.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import[^;]*//", sheet.read_text()) == []


def test_the_search_knows_the_pages(site: dict[Path, Reader]) -> None:
    root = next(path for path in site if path.name == "index.html").parent
    index = (root / "searchindex.js").read_text()
    for page in PAGES:
        assert f'"{page.relative_to(ROOT / "docs").with_suffix("")}"' in index


def test_references_leave_nothing_out(site: dict[Path, Reader]) -> None:
    metrics = page_of(site, "metrics.html").text
    assert [name for name in (*METRICS, *UNDEFINED) if name not in metrics] == []
    pages = [page_of(site, f"indicators-{family}.html") for family in ("trend", "momentum", "volatility", "volume")]
    assert [name for name in INDICATORS if not any(name in page.ids for page in pages)] == []
    assert sum(page.pictures for page in pages) == len(INDICATORS)
    execution = page_of(site, "execution.html").text
    assert [
        rule.key for rule in rules() if rule.key.startswith(("execution", "decisions")) and rule.key not in execution
    ] == []
    errors = page_of(site, "errors.html").text
    assert [code for code in codes(KtrdrError) if code not in errors] == []
    commands = page_of(site, "commands.html").text
    names = [
        f"ktrdr {noun} {verb}"
        for noun, group in COMMANDS.items()
        if isinstance(group, Group)
        for verb in group.commands
    ]
    assert [name for name in names if name not in commands] == []


@pytest.mark.parametrize(
    "package", [ktrdr, ktrdr.backtesting, ktrdr.operations, ktrdr.analysis], ids=lambda one: one.__name__
)
def test_every_public_name_has_its_place(site: dict[Path, Reader], package: object) -> None:
    name = package.__name__.removeprefix("ktrdr").strip(".")  # type: ignore[attr-defined]
    page = page_of(site, f"reference/python{'-' * bool(name)}{name}.html")
    public = [one for one in package.__all__ if callable(getattr(package, one))]  # type: ignore[attr-defined]
    assert [one for one in public if one.lower().replace("_", "-") not in page.ids] == []


def test_execution_pictures_say_what_the_text_says(site: dict[Path, Reader]) -> None:
    """The sentences of the page were written for these fills."""
    text = page_of(site, "execution.html").text
    for fill in (
        "Bar 2: 10 bought at 100.2000, by signal; reference 100.0000",
        "Bar 2: 10 sold at 98.0000, by stop loss; reference 98.0000.",
        "Bar 2: 10 sold at 95.0000, by stop loss; reference 95.0000.",
        "Bar 3: 10 sold at 103.0000, by take profit",
        "Bar 3: 10 sold at 99.0000, by trailing stop",
        "Bar 3: 10 sold at 101.0000, by trailing stop",
        "Bar 2: 10 sold at 103.0000, by take profit",
        "Bar 3: 100 bought at 150.0000, by liquidation",
        "Bar 3: 10 sold at 101.5000, by longest holding",
    ):
        assert fill in text, fill
