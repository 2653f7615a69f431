"""Progress of a command: a bar on a terminal, plain lines elsewhere, nothing with ``--json``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ktrdr.cli.output import current_output
from ktrdr.control import ProgressBridge, SilentBridge
from ktrdr.progress import Lines, bars
from ktrdr.settings import progress_wanted


@contextmanager
def progress() -> Iterator[ProgressBridge]:
    """Yields the progress bridge for this call's output mode and terminal."""
    if current_output().json or not progress_wanted():
        yield SilentBridge()
    elif sys.stderr.isatty():
        with bars() as drawn:
            yield drawn
    else:
        yield Lines()
