"""Every block of code of the guide runs and does what its page says; commands run in `tests/soak/guide`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.strategy.loader import load_strategy
from support.guide import IN_ORDER, PAGES, Block, blocks_of, python_of

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
LANGUAGES = {("sh",), ("python",), ("yaml",), ("python", "peer"), ("python", "freqtrade")}
WITH_PYTHON = [page for page in PAGES if python_of(page)]


def test_every_block_is_of_a_kind_that_runs() -> None:
    unknown = [one.place for one in BLOCKS if one.is_code and one.words not in LANGUAGES]
    assert unknown == []
    with_commands = [page.name for page in PAGES if any(block.language == "sh" for block in blocks_of(page))]
    assert sorted(with_commands) == sorted(IN_ORDER)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_python_of_a_page(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "\nassert " in python_of(page), "nothing would be proven"
    exec(compile(python_of(page), str(page), "exec"), {"__name__": page.stem})


@pytest.mark.parametrize("block", [one for one in BLOCKS if one.language == "yaml"], ids=lambda block: block.place)
def test_strategies_are_valid(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text(block.text)
    assert load_strategy(file).feature_names
