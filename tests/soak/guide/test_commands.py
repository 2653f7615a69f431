"""The commands of the guide and the longer examples, as a reader calls them, over one data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrdr.data.sample import write_sample
from ktrdr.data.store.repository import Repository
from support.guide import EXAMPLES, IN_ORDER, PAGES, blocks_of, free_port, run

pytestmark = pytest.mark.soak


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with the sample."""
    write_sample(Repository(tmp_path / "data"))
    return tmp_path / "data"


def test_guide_commands_in_order(data: Path, tmp_path: Path) -> None:
    port = str(free_port())
    for name in IN_ORDER:
        for block in blocks_of(next(page for page in PAGES if page.name == name)):
            if block.language == "sh":
                run(["bash", "-euc", block.text.replace("8701", port)], tmp_path, data)


def test_guide_examples(data: Path, tmp_path: Path) -> None:
    for example in EXAMPLES:
        if example.suffix == ".sh":
            run(["bash", str(example)], tmp_path, data)
