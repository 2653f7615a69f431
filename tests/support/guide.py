"""Blocks of code of the guide's pages, run as a reader would: one shell and one Python session for a page."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
_FENCE = re.compile(r"^```(\S[^\n]*)\n(.*?)^```$", re.M | re.S)
IN_ORDER = ("getting-started.md", "runs.md", "paper.md", "workers.md", "research.md")
"""Pages with commands: the first trains the net that the others use."""
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.suffix in {".py", ".sh", ".yaml"})


@dataclass(frozen=True)
class Block:
    """A block of a page: the words after its fence, its text, and the line that it begins in."""

    words: tuple[str, ...]
    text: str
    place: str

    @property
    def language(self) -> str:
        """Returns the language of the block."""
        return self.words[0]

    @property
    def is_code(self) -> bool:
        """Returns False for text to read, and for directives such as a picture."""
        return self.language != "text" and not self.language.startswith("{")


def blocks_of(page: Path) -> list[Block]:
    """Returns every block of a page in order."""
    source = page.read_text()
    return [
        Block(tuple(found[1].split()), found[2], f"{page.name}:{source.count(chr(10), 0, found.start()) + 1}")
        for found in _FENCE.finditer(source)
    ]


def python_of(page: Path) -> str:
    """Returns the Python blocks of a page as one program whose lines have the page's numbers."""
    lines: list[str] = []
    for block in blocks_of(page):
        if block.words == ("python",):
            lines += [""] * (int(block.place.partition(":")[2]) - len(lines))
            lines += block.text.splitlines()
    return "\n".join(lines)


def free_port() -> int:
    """Returns a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def run(command: list[str], folder: Path, data: Path) -> str:
    """Runs a command over a data folder and returns what it prints; ends whatever it left in the background."""
    paths = (str(Path(sys.executable).parent), os.environ["PATH"])
    # A file, since a worker that a failed command leaves in the background would hold a pipe open for good.
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"KTRDR_DATA_DIR": str(data), "PATH": os.pathsep.join(paths)},
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        printed.seek(0)
        found = printed.read()
    assert process.returncode == 0, f"{command[-1]}\n{found}"
    return found
