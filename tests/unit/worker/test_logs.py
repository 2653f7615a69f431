"""The worker's log: queries are cut off, probes that go well are left out, and a file rotates under its writers."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ktrdr.errors import ArgumentInvalid
from ktrdr.worker import logs
from ktrdr.worker.logs import WithoutQuery, configure


@pytest.mark.parametrize(
    ("path", "status", "shown"),
    [("/operations?token=secret", 200, "/operations"), ("/health", 200, None), ("/ready?x=1", 200, None),
     ("/health", 503, "/health"), ("/ready", 503, "/ready"), ("/healthy", 200, "/healthy")],
)  # fmt: skip
def test_the_access_log_has_no_queries_and_no_probes_that_go_well(path: str, status: int, shown: str | None) -> None:
    record = logging.makeLogRecord({"msg": "%s %s %s %s %s", "args": ("127.0.0.1:1", "GET", path, "1.1", status)})
    assert WithoutQuery().filter(record) is (shown is not None)
    if shown is not None:
        assert record.getMessage() == f"127.0.0.1:1 GET {shown} 1.1 {status}"


WRITER = """
import logging, sys
from ktrdr.operations.pool.child import start_log
start_log()
child = logging.getLogger().handlers[0]
child.setFormatter(logging.Formatter())
for number in range(int(sys.argv[1])):
    child.emit(logging.makeLogRecord({"msg": f"child {number}"}))
    sys.stdin.readline()
"""


def test_a_file_rotates_and_a_child_follows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few old files are kept; a line of either process is whole, wherever it went."""
    file = tmp_path / "worker.log"
    monkeypatch.setenv("KTRDR_LOG_FILE", str(file))
    monkeypatch.setattr(logs, "LARGEST_FILE_BYTES", 2_000)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    lines = 60
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(lines)], stdin=subprocess.PIPE, text=True)
    assert child.stdin is not None
    try:
        configure()
        for number in range(lines):
            logging.getLogger("ktrdr.worker").info("line %d %s", number, "x" * 100)
            child.stdin.write("\n")
            child.stdin.flush()
        assert child.wait(60) == 0
    finally:
        for handler in set(root.handlers) - set(before[0]):
            handler.close()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == ["worker.log", *(f"worker.log.{number}" for number in range(1, logs.FILES))]
    assert all(each.stat().st_size <= 2_500 for each in files)
    said = [line for each in files for line in each.read_text().splitlines()]
    assert all("ktrdr.worker: line" in line or line.startswith("child ") for line in said)
    assert f"child {lines - 1}" in said


def test_a_file_that_cannot_be_written_is_refused_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KTRDR_LOG_FILE", str(tmp_path))
    with pytest.raises(ArgumentInvalid, match="KTRDR_LOG_FILE: cannot be written: Is a directory"):
        configure()
