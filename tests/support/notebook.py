"""A notebook run in a real IPython shell of its own process; a kernel would add a second process and its protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_RUNS = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for number, cell in enumerate(json.load(open(sys.argv[1]))["cells"]):
    if cell["cell_type"] != "code":
        continue
    ran = shell.run_cell("".join(cell["source"]), store_history=True)
    ran.raise_error()
    shown = {} if ran.result is None else shell.display_formatter.format(ran.result)[0]
    with open(sys.argv[2], "a") as file:
        print(json.dumps({kind: value if isinstance(value, str) else "" for kind, value in shown.items()}), file=file)
"""


@dataclass(frozen=True)
class Ran:
    """The values that a notebook's cells showed, each by media type, and all that was printed."""

    shown: list[Mapping[str, str]]
    printed: str


def run_notebook(notebook: Path, folder: Path) -> Ran:
    """Runs every code cell in order, in a folder; a cell that raises fails the test."""
    values = folder / "values.jsonl"
    command = [sys.executable, "-c", _RUNS, str(notebook), str(values)]
    environment = os.environ | {"KTRDR_DATA_DIR": str(folder / "data"), "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran([json.loads(line) for line in values.read_text().splitlines()], done.stdout)
