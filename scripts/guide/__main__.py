"""Builds the guide: pages of ``docs`` with tables and pictures from the program, as HTML.

    python -m scripts.guide target/docs

The pages are copied to a folder beside the output, their inserts filled, and Sphinx runs over the copy. A warning is
an error.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from scripts.guide.inserts import fill
from sphinx.cmd.build import build_main

ROOT = Path(__file__).resolve().parents[2]


def write_sources(target: Path) -> None:
    """Copies every page to ``target`` with its inserts filled."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target)
    shutil.copytree(ROOT / "examples", target / "examples")
    for page in target.rglob("*.md"):
        page.write_text(fill(page.read_text(), page.name))


def build(output: Path) -> int:
    """Writes the site into ``output`` and returns the exit code of Sphinx."""
    sources = output.with_name(f"{output.name}-pages")
    write_sources(sources)
    shutil.rmtree(output, ignore_errors=True)
    settings = str(Path(__file__).parent)
    flags = ["-q", "-W", "--keep-going", "-E", "-b", "html", "-c", settings, "-d", str(output) + "-trees"]
    return build_main([*flags, str(sources), str(output)])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1] if len(sys.argv) > 1 else "target/docs").absolute()))
