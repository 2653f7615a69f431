"""The folder of the feature cache: bounded, shared by processes, and never believed without a check."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from ktrdr import settings
from ktrdr.feature_pipeline.assembly import Assembly
from ktrdr.feature_pipeline.cache.entry import entry_bytes, entry_size, read_entry

_ENDING = ".features"
_PART = ".part"
_FORGOTTEN_SECONDS = 3_600
"""Age at which a file that somebody began to write is taken for forgotten: its process was killed."""


@dataclass(frozen=True)
class FeatureFolder:
    """Entries of the feature cache, each a file with the name of its key.

    Processes share the folder without a lock. An entry appears whole, by a rename; a reader that has it open keeps it
    while another process removes it. The cache is a convenience: a folder that cannot be written, a full disk or a
    damaged entry cost the time of computing, and nothing else.

    Args:
        path: the folder; made by the first entry.
        limit_bytes: the most that all entries may take; the one used longest ago goes first.
    """

    path: Path
    limit_bytes: int

    @classmethod
    def in_force(cls) -> FeatureFolder:
        """Returns the folder that the settings name."""
        return cls(settings.feature_cache_dir(), settings.feature_cache_mb() * 2**20)

    def read(self, key: str) -> Assembly | None:
        """Returns the features of that key, checked by their hash; None where they are not there, or damaged."""
        file = self._file(key)
        found = read_entry(file, key)
        with contextlib.suppress(OSError):
            if found is None:
                file.unlink(missing_ok=True)
            else:
                os.utime(file)  # used now: others go first
        return found

    def write(self, key: str, assembly: Assembly) -> None:
        """Keeps features under their key, and lets older ones go beyond the limit."""
        if entry_size(assembly) > self.limit_bytes:
            return
        part = self.path / f"{key}.{os.getpid()}-{secrets.token_hex(4)}{_PART}"
        with contextlib.suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("xb") as stream:
                    stream.writelines(entry_bytes(key, assembly))
                part.replace(self._file(key))
            finally:
                part.unlink(missing_ok=True)
            self._make_room()

    def sizes(self) -> list[int]:
        """Returns the size of every entry, in bytes."""
        return [size for _, size, _ in self._entries()]

    def clear(self) -> int:
        """Removes every entry, and whatever was begun; returns the number of entries."""
        entries = self._entries()
        for file in [*(file for *_, file in entries), *self.path.glob(f"*{_PART}")]:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        return len(entries)

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{_ENDING}"

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Returns last use, size and file of every entry, the one used longest ago first."""
        found = []
        for file in self.path.glob(f"*{_ENDING}"):
            with contextlib.suppress(OSError):  # another process may just have removed it
                facts = file.stat()
                found.append((facts.st_mtime, facts.st_size, file))
        return sorted(found)

    def _make_room(self) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for _, size, file in entries:
            if total <= self.limit_bytes:
                break
            file.unlink(missing_ok=True)
            total -= size
        for file in self.path.glob(f"*{_PART}"):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > _FORGOTTEN_SECONDS:
                    file.unlink(missing_ok=True)
