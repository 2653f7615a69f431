"""The worker's service in a real process: started as a user starts it, spoken to over real sockets."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from support.process.processes import Place, program, wait_for

TOKEN = "a-token-of-thirty-two-characters!"
JSON = {"content-type": "application/json"}
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Service:
    """A running `ktrdr worker`."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    @property
    def url(self) -> str:
        """Returns the service's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Returns its log so far."""
        return self.log_file.read_text()

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU it has taken, without its children."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def client(self, token: str | None = None) -> httpx.Client:
        """A client that sends JSON, and the token where given."""
        bearer = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=JSON | bearer, timeout=30, trust_env=False)

    def connect(self) -> socket.socket:
        """Returns a bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, text: bytes) -> bytes:
        """Returns the answer to these bytes, until it closes or has answered in full."""
        with self.connect() as connection:
            connection.sendall(text)
            return whole_answer(connection)


@contextmanager
def service(place: Place, *words: str, slots: int = 1, port: int = 0) -> Iterator[Service]:
    """`ktrdr worker` on that port, or a free one, once it is registered; killed on the way out if it has not left."""
    log_file = place.folder.parent / f"worker-{os.urandom(4).hex()}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            program(["worker", "--port", str(port), "--slots", str(slots), *words]), env=place.environment, stderr=log,
            cwd=place.folder,
        )  # fmt: skip
    try:
        yield Service(process, _port(process, log_file), log_file)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[bytes], log_file: Path) -> int:
    def look() -> re.Match[str] | None:
        assert process.poll() is None, log_file.read_text()
        text = log_file.read_text()
        return re.search(r"http://\S+:(\d+)", text) if "registered as" in text else None

    return int(wait_for(look, 60)[1])


def whole_answer(connection: socket.socket) -> bytes:
    """Bytes up to the end of one answer, or up to the end of the connection."""
    found = b""
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionResetError:
            return found
        found += piece
        head, _, body = found.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if not piece or (length and len(body) >= int(length[1])):
            return found


def code_of(said: httpx.Response | bytes) -> str:
    """The code of an answer that is an error, which never holds a trace or a path of this machine."""
    text = said.split(b"\r\n\r\n", 1)[1].decode() if isinstance(said, bytes) else said.text
    assert "Traceback" not in text
    assert ".py" not in text
    code: str = json.loads(text)["error"]["code"]
    return code


@contextmanager
def events(client: httpx.Client, operation_id: str, **query: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """The open stream of an operation's events: each with its kind, id and data."""
    with client.stream("GET", f"/operations/{operation_id}/events", params=query) as said:
        assert said.status_code == 200
        yield _parsed(said.iter_lines())


def _parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "data" in fields:
                yield {"kind": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])}
            fields = {}
