"""The figures of other programs in the guide, measured with those programs; needs a package index and 2 GB of disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.guide import PAGES, ROOT, blocks_of
from support.soak import interpreter

pytestmark = pytest.mark.soak
PAGE = next(page for page in PAGES if page.name == "coming-from.md")


def written(folder: Path, name: str, *words: tuple[str, ...]) -> str:
    """Returns a file with the first block of the page, and those with these words after their fence."""
    first, *others = blocks_of(PAGE)
    texts = [first.text, *(block.text for block in others if block.words in words)]
    file = folder / name
    file.write_text("\n".join(texts))
    return str(file)


def test_peers_in_arrays(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "venv", "backtesting==0.6.6", "vectorbt==1.2.0")
    program = written(tmp_path, "guide.py", ("python", "peer"))
    subprocess.run([python, program], check=True, cwd=tmp_path)


def test_peers_freqtrade(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "venv", "freqtrade==2026.9")
    bars = written(tmp_path, "bars.py")
    folder = tmp_path / "strategies"
    folder.mkdir()
    (block,) = (one for one in blocks_of(PAGE) if one.words == ("python", "freqtrade"))
    (folder / "Crossing.py").write_text(block.text)
    program = ROOT / "tests" / "support" / "peers" / "freqtrade_run.py"
    done = subprocess.run([python, str(program), bars, str(folder)], check=True, capture_output=True, text=True)
    assert "equity 10185.436286" in done.stdout
