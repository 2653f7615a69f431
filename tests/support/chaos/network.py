"""A network of a worker's own, which can be cut, and a relay to the database, which can fall silent."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

_PIECE = 65_536


class Relay:
    """Forwards connections to a port of this machine; while silent it takes bytes and passes none on.

    Args:
        host: address to listen on.
        port: port of the loopback address to forward to.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = port
        self._speaks = threading.Event()
        self._speaks.set()
        self._listening = socket.create_server((host, 0), backlog=128)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def set_silent(self, silent: bool) -> None:
        """Stops passing bytes on, or passes on what has come since."""
        (self._speaks.clear if silent else self._speaks.set)()

    def close(self) -> None:
        """Takes no more connections."""
        self._speaks.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                except OSError:
                    near.close()
                    continue
                far.settimeout(None)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(_PIECE):
                self._speaks.wait()
                other.sendall(piece)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        one.close()


@dataclass(frozen=True)
class Link:
    """A network namespace that one cable joins to this machine's.

    Args:
        name: of the namespace.
        cable: this end of the cable.
        near: address of this end.
        far: address of the namespace's end.
    """

    name: str
    cable: str
    near: str
    far: str

    @property
    def words(self) -> tuple[str, ...]:
        """Returns the words before a command that runs inside."""
        return ("ip", "netns", "exec", self.name)

    def set_up(self, up: bool) -> None:
        """Plugs the cable in, or pulls it out: packets are lost without a word."""
        _ip("link", "set", self.cable, "up" if up else "down")


@contextmanager
def link(number: int) -> Iterator[Link | None]:
    """A network of a worker's own for this process's run of that number; None where only root may have one."""
    tag = f"{os.getpid() % 100_000}{number}"
    third = (os.getpid() * 4 + number) % 250
    found = Link(f"ktrdr{tag}", f"kt{tag}", f"10.213.{third}.1", f"10.213.{third}.2")
    if os.geteuid() != 0 or not _works("ip", "netns", "add", found.name):
        yield None
        return
    with ExitStack() as stack:
        stack.callback(_ip, "netns", "del", found.name)
        inner = f"kw{tag}"
        _ip("link", "add", found.cable, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", found.name)
        _ip("addr", "add", f"{found.near}/30", "dev", found.cable)
        _ip("link", "set", found.cable, "up")
        _ip("-n", found.name, "addr", "add", f"{found.far}/30", "dev", inner)
        _ip("-n", found.name, "link", "set", inner, "up")
        _ip("-n", found.name, "link", "set", "lo", "up")
        yield found


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _works(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
