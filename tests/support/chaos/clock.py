"""A time of day that a test sets for processes, by libfaketime; their monotonic clock stays, as where a time is set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Clock:
    """A time of day that processes go by: so many seconds from the real one, changed at any moment."""

    library: Path
    file: Path

    @property
    def settings(self) -> dict[str, str]:
        """For the processes that go by it; their monotonic clock stays."""
        return {
            "LD_PRELOAD": str(self.library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def set(self, ahead_s: float) -> None:
        """At once, for all of them."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{ahead_s:+.0f}s\n")
        new.replace(self.file)


def libfaketime() -> Path:
    """Returns the library; skips the test where there is none."""
    library = next(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("no libfaketime in /usr/lib (apt-get install faketime)")
    return library
