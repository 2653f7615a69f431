"""Workers that are started again whenever they end, as a service manager would, and that are watched from outside."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import statistics
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from support.process.processes import Place, kill, program
from support.process.service import JSON, TOKEN

_LOOK_S = 0.25
_SAMPLE_S = 3.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1_024


@dataclass
class Member:
    """A worker of the fleet, over all its processes.

    Args:
        name: words for the report.
        place: data folder, database and settings of its process.
        host: address that it listens on.
        words: words before its command, such as those that enter a namespace.
        log: file of what its processes and their children say.
    """

    name: str
    place: Place
    host: str
    words: tuple[str, ...]
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    not_before_s: float = 0.0
    starts: int = 0
    sizes: list[tuple[float, int, int]] = field(default_factory=list)
    """Time, resident KiB and open files, of one process after the other."""

    def __post_init__(self) -> None:
        with socket.create_server((self.host if not self.words else "127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    @property
    def pid(self) -> int | None:
        """Returns the id of its living process."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def client(self, timeout_s: float = 10.0) -> httpx.Client:
        """A client of its service, with the token."""
        headers = JSON | {"authorization": f"Bearer {TOKEN}"}
        address = f"http://{self.host}:{self.port}"
        return httpx.Client(base_url=address, headers=headers, timeout=timeout_s, trust_env=False)

    def start(self) -> None:
        """Starts a process; it ends with the thread that has started it."""
        words = [*self.words, *program(["worker", "--host", self.host, "--port", str(self.port), "--slots", "1"])]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, env=self.place.environment, stderr=log, stdout=log, cwd=self.place.folder,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 (one system call, no lock)
            )  # fmt: skip
        self.starts += 1

    def children(self) -> list[int]:
        """Returns the processes of its slots."""
        pid = self.pid
        return [] if pid is None else [each for each in _processes() if _parent(each) == pid]

    def measure(self, at_s: float) -> None:
        """Notes memory and open files."""
        pid = self.pid
        with suppress(FileNotFoundError, ProcessLookupError, TypeError, IndexError):
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_KIB
            self.sizes.append((at_s, resident, len(list(Path(f"/proc/{pid}/fd").iterdir()))))

    def size(self, from_s: float, until_s: float) -> tuple[float, int]:
        """Returns median memory in MiB and fewest open files between two times."""
        found = [each for each in self.sizes if from_s <= each[0] < until_s]
        return statistics.median(each[1] for each in found) / 1_024, min(each[2] for each in found)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Fleet:
    """Keeps every member running, asks each for its health, and takes its measure.

    Args:
        members: the workers.
        tally: counts answers and restarts.
    """

    def __init__(self, members: list[Member], tally: Counter[str]) -> None:
        self.members = members
        self._tally = tally
        self._over = threading.Event()
        self._began_s = time.monotonic()
        self._threads = [threading.Thread(target=self._keep, name="keeper")]
        self._threads += [threading.Thread(target=self._ask, args=(each,), name=each.name) for each in members]
        for thread in self._threads:
            thread.start()

    @property
    def now_s(self) -> float:
        """Returns the seconds since the start."""
        return time.monotonic() - self._began_s

    def _keep(self) -> None:
        measured_s = 0.0
        while not self._over.is_set():
            for member in self.members:
                if member.pid is None and time.monotonic() >= member.not_before_s:
                    self._tally["workers started"] += 1
                    member.start()
            if self.now_s - measured_s >= _SAMPLE_S:
                measured_s = self.now_s
                for member in self.members:
                    member.measure(measured_s)
            time.sleep(_LOOK_S)
        for member in self.members:
            self._end(member)

    def _end(self, member: Member) -> None:
        """Asks a worker to end, and counts one that does not."""
        if member.process is None or member.pid is None:
            return
        member.process.send_signal(signal.SIGTERM)
        try:
            member.process.wait(30)
        except subprocess.TimeoutExpired:
            self._tally["workers that did not end"] += 1
            member.process.kill()
            member.process.wait()

    def _ask(self, member: Member) -> None:
        """Asks what a monitor and a person would ask, again and again."""
        addresses = ("/health", "/ready", "/operations?limit=200", "/workers", "/metrics", "/", "/operations/latest")
        while not self._over.is_set():
            for address in addresses:
                if self._over.wait(0.7):
                    return
                self._tally[f"GET {address.partition('?')[0]}: {self._answer(member, address)}"] += 1

    def _answer(self, member: Member, address: str) -> str:
        try:
            with member.client() as client:
                return str(client.get(address).status_code)
        except httpx.HTTPError:
            return "none"

    def kill(self, member: Member, pause_s: float) -> None:
        """Kill -9; another process follows after a pause."""
        member.not_before_s = time.monotonic() + pause_s
        if member.pid is not None:
            kill(member.pid)

    def close(self) -> None:
        """Asks every worker to end, and waits for its end."""
        self._over.set()
        for thread in self._threads:
            thread.join()


def said(member: Member) -> dict[str, Any]:
    """Returns the lines of a log, and its traces: counts by the last line of each."""
    lines = member.log.read_text(errors="replace").splitlines()
    traces: Counter[str] = Counter()
    for number, line in enumerate(lines):
        if line.startswith("Traceback"):
            rest = (each for each in lines[number + 1 :] if each and not each.startswith((" ", "\t")))
            traces[next(rest, "?")[:160]] += 1
    return {"lines": len(lines), "traces": traces}
