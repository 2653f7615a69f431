"""A feed from a file that another program appends to: CSV with a head, or JSON lines. A half-written line waits."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ktrdr.data.audit import PRICES
from ktrdr.data.headings import require_distinct
from ktrdr.decision.feeds.base import Line, decoded, line_of
from ktrdr.errors import DataParse

_CHUNK_BYTES = 1 << 18
_LONGEST_LINE_BYTES = 1 << 16
_LOOK_AGAIN_S = 0.002
_NEEDED = ("timestamp", *PRICES)
_COMPARED_BYTES = 256
_END = "end"


class FileFeed:
    """Lines of a growing file, from its beginning; a file that is replaced, cut or written anew is read anew.

    The first line tells the format: a JSON object, or the names of the columns. A line ``end``, or ``{"end": true}``,
    says that no more bars will come.

    Raises ``DataParse`` from `take` for a first line that is neither.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._forget()

    @property
    def state(self) -> str:
        """Returns the number of lines read so far."""
        return f"{self._lines:,} lines read" if self._file is not None else "no such file yet"

    def start(self, after_ns: int | None) -> None:
        """Begins at the first line: bars that are known already are passed over by the gate."""
        self.close()

    def taken(self, last_ns: int) -> None:
        """Does nothing: the place in the file is known."""

    def close(self) -> None:
        """Closes the file, if it is open."""
        if self._file is not None:
            self._file.close()
        self._file = None
        self._forget()

    def take(self, wait_s: float) -> Sequence[Line]:
        """Returns the whole lines that were appended; waits for the first one that long at most."""
        deadline_s = time.monotonic() + wait_s
        while True:
            lines = self._read()
            left_s = deadline_s - time.monotonic()
            if lines or left_s <= 0:
                return lines
            time.sleep(min(_LOOK_AGAIN_S, left_s))

    def _forget(self) -> None:
        self._rest = b""
        self._before = b""
        self._names: list[str] | None = None
        self._json = False
        self._lines = 0

    def _read(self) -> list[Line]:
        if self._file is None or self._was_replaced(self._file):
            self.close()
            try:
                self._file = self._path.open("rb")
            except OSError:
                return []
        read = self._file.read(_CHUNK_BYTES)
        self._before = (self._before + read)[-_COMPARED_BYTES:]
        data = self._rest + read
        *whole, self._rest = data.split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            self._rest = b""
            self._lines += 1
            return [*self._parsed(whole), Line(None, f"line {self._lines}", "longer than 64 KiB")]
        return self._parsed(whole)

    def _was_replaced(self, file: BinaryIO) -> bool:
        """Returns True if the path is another file now, a shorter one than was read, or one with other text so far."""
        try:
            now = self._path.stat()
        except OSError:
            return False
        mine = os.fstat(file.fileno())
        place = file.tell()
        if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino) or now.st_size < place:
            return True
        # A file may have been cut and have grown beyond this place since: the next byte would be inside another line.
        return now.st_size > place and self._text_before(file, place) != self._before

    def _text_before(self, file: BinaryIO, place: int) -> bytes:
        file.seek(place - len(self._before))
        return file.read(len(self._before))

    def _parsed(self, lines: Sequence[bytes]) -> list[Line]:
        found = []
        for raw in lines:
            self._lines += 1
            where = f"line {self._lines}"
            try:
                text = raw.decode("utf-8-sig" if self._lines == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                if self._names is None and not self._json:
                    self._head("bytes that are not UTF-8", where)
                found.append(Line(None, where, "not UTF-8"))
                continue
            try:
                line = self._line(text, where) if text else None
            except csv.Error as error:
                line = Line(None, where, str(error))
            if line is not None:
                found.append(line)
        return found

    def _line(self, text: str, where: str) -> Line | None:
        if text == _END:
            return Line(None, where, ends=True)
        if self._names is None and not self._json:
            self._json = text.startswith("{")
            if not self._json:
                self._names = self._head(text, where)
                return None
        if self._json:
            try:
                return line_of(decoded(text), where)
            except (ValueError, RecursionError):
                return Line(None, where, "not JSON")
        assert self._names is not None
        cells = next(csv.reader([text]))
        if len(cells) != len(self._names):
            return Line(None, where, f"{len(cells)} cells under {len(self._names)} names")
        return Line(dict(zip(self._names, (cell.strip() for cell in cells), strict=True)), where)

    def _head(self, text: str, where: str) -> list[str]:
        written = [name.strip() for name in next(csv.reader([text]))]
        names = [name.lower() for name in written]
        lacking = [name for name in _NEEDED if name not in names]
        place = f"{self._path.name}, {where}"
        if lacking:
            raise DataParse(
                f"a feed begins with the names of its columns, and these lack {', '.join(lacking)}",
                where=place,
                found=text[:80],
                expected=",".join(_NEEDED),
                hint="separate names by commas, or write one JSON object in each line",
            )
        require_distinct(filter(None, written), place)
        return names
