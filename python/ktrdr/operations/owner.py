"""Who runs an operation: one process, named so exactly that a later one with its pid is not taken for it."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_ENDED = "ZX"


@dataclass(frozen=True)
class Owner:
    """A process of a host, since that host's boot.

    Args:
        host: the host's name.
        boot_id: the kernel's id of this boot.
        pid_namespace: the namespace the pid counts in; another namespace is another host.
        pid: process id.
        started: clock ticks from boot to the process's start.
    """

    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    started: int

    @classmethod
    def of_process(cls, pid: int) -> Owner:
        """The living process of that pid, seen from here; ``ProcessLookupError`` where there is none."""
        found = _state_and_start(pid)
        if found is None:
            raise ProcessLookupError(pid)
        return cls(*_place(), pid, found[1])

    @classmethod
    def me(cls) -> Owner:
        """This process."""
        return cls.of_process(os.getpid())

    @property
    def text(self) -> str:
        """One string, as stored; ``parse`` reads it back."""
        return " ".join((self.host, self.boot_id, self.pid_namespace, str(self.pid), str(self.started)))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """The owner that ``text`` was made from.

        >>> Owner.parse("box 5f1c pid:[402] 17 9000").pid
        17
        """
        host, boot_id, namespace, pid, started = text.split(" ")
        return cls(host, boot_id, namespace, int(pid), int(started))

    def same_place(self, other: Owner) -> bool:
        """Whether both pids count in one namespace of one boot of one host."""
        mine = (self.host, self.boot_id, self.pid_namespace)
        return mine == (other.host, other.boot_id, other.pid_namespace)

    def is_dead(self) -> bool:
        """Whether it can be seen from here that the process is gone, a zombie, or another one by now."""
        if (self.host, self.boot_id, self.pid_namespace) != _place():
            return False
        found = _state_and_start(self.pid)
        return found is None or found[0] in _ENDED or found[1] != self.started


@cache
def _place() -> tuple[str, str, str]:
    boot_id = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname(), boot_id, str((_PROC / "self/ns/pid").readlink())


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """Fields 3 and 22 of ``/proc/PID/stat``, counted after the command, which may hold spaces and brackets."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])
