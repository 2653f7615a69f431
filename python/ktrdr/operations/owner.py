"""The process that runs an operation, identified so that a later process with its pid is recognised as another."""

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
    """One process of one boot of a host.

    Args:
        host: name of the host.
        boot_id: the kernel's id of the boot.
        pid_namespace: namespace of the pid; another namespace counts as another host.
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
        """Returns the living process of that pid, as seen from here; ``ProcessLookupError`` if there is none."""
        found = _state_and_start(pid)
        if found is None:
            raise ProcessLookupError(pid)
        return cls(*_place(), pid, found[1])

    @classmethod
    def me(cls) -> Owner:
        """Returns the calling process."""
        return cls.of_process(os.getpid())

    @property
    def text(self) -> str:
        """Returns the stored form; ``parse`` reads it back."""
        return " ".join((self.host, self.boot_id, self.pid_namespace, str(self.pid), str(self.started)))

    @classmethod
    def parse(cls, text: str) -> Owner:
        """Returns the owner of a stored ``text``.

        >>> Owner.parse("box 5f1c pid:[402] 17 9000").pid
        17
        """
        host, boot_id, namespace, pid, started = text.split(" ")
        return cls(host, boot_id, namespace, int(pid), int(started))

    def same_place(self, other: Owner) -> bool:
        """Returns True if both pids belong to one namespace of one boot of one host."""
        mine = (self.host, self.boot_id, self.pid_namespace)
        return mine == (other.host, other.boot_id, other.pid_namespace)

    def is_dead(self) -> bool:
        """Returns True if it is visible from here that the process is gone, a zombie, or another one."""
        if (self.host, self.boot_id, self.pid_namespace) != _place():
            return False
        found = _state_and_start(self.pid)
        return found is None or found[0] in _ENDED or found[1] != self.started


@cache
def _place() -> tuple[str, str, str]:
    boot_id = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname(), boot_id, str((_PROC / "self/ns/pid").readlink())


def _state_and_start(pid: int) -> tuple[str, int] | None:
    """Returns fields 3 and 22 of ``/proc/PID/stat``, counted after the command, which may hold spaces and brackets."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])
