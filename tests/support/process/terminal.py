"""The program at a terminal: a real one as far as it can tell, with a person who types."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.process.processes import PACKAGES

HIDDEN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTEST_CURRENT_TEST", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables of the test's own surroundings that a terminal's program must not see."""


@dataclass(frozen=True)
class Seen:
    """Returns the text that a terminal showed, escape sequences included, and the exit code."""

    code: int
    text: str


def at_terminal(
    command: Sequence[str | Path],
    *,
    typed: str = "",
    columns: int = 80,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Seen:
    """Runs a command whose three streams are one new terminal, on which ``typed`` has been typed ahead."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in HIDDEN}
    env |= {"TERM": "xterm-256color", "PYTHONPATH": str(PACKAGES)} | dict(environment or {})
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=cwd) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = _read_all(ours)
        code = process.wait(60)
    os.close(ours)
    return Seen(code, shown.replace("\r\n", "\n"))


def _read_all(terminal: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # Linux ends a terminal whose program has gone with an error
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()
