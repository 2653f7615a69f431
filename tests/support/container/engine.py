"""A real Docker engine: images under the names that the project's files ask for, and the sandbox of the compose file.

Whatever is made here bears a label or the project's name. Both are swept before and after, so that a killed run leaves
nothing for long.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support.container.bases import COMPILER, PYTHON, debian, network, toolchain
from support.container.dockerfile import ROOT

LABEL = "ktrdr.test-container"
PROJECT = "ktrdr-test-container"
COMPOSE_FILE = ROOT / "docker-compose.sandbox.yml"
_POSTGRES = Path(__file__).parent / "postgres"

log = logging.getLogger("container")


def compose_command() -> tuple[str, ...]:
    """``docker compose`` or ``docker-compose``; the test is skipped where there is no engine or neither of them."""
    if shutil.which("docker") is None:
        pytest.skip("no Docker: docker is not on PATH")
    info = subprocess.run(["docker", "info"], capture_output=True, text=True)
    if info.returncode != 0:
        pytest.skip(f"no Docker engine: {info.stderr.strip().splitlines()[-1]}")
    for words in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(words[0]) and subprocess.run([*words, "version"], capture_output=True).returncode == 0:
            return words
    pytest.skip("no Compose: neither docker compose nor docker-compose (Debian: apt-get install docker-compose)")


def docker(*words: str | Path, stdin: str | bytes | None = None, limit_s: float = 300) -> str:
    """Runs the client to its end and returns what it has printed; a failure shows what it has said."""
    return run(["docker", *words], stdin=stdin, limit_s=limit_s)


def run(
    words: Sequence[str | Path], *, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None,
    limit_s: float = 300,
) -> str:  # fmt: skip
    """Runs a command to its end, as ``docker`` does."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(words, input=data, capture_output=True, env=env, timeout=limit_s)
    assert done.returncode == 0, f"{words}: {(done.stdout + done.stderr).decode(errors='replace')[-6000:]}"
    return done.stdout.decode()


@contextmanager
def images(names: Mapping[str, str], wheels: Path) -> Iterator[None]:
    """The worker's image and those below it: made, and gone at the end.

    Args:
        names: tags by their part: ``slim``, ``large``, ``rust``, ``postgres``, ``worker``. Those in use are lent, and
            mean afterwards what they meant before.
        wheels: the folder with PyTorch's CPU wheel.
    """
    _sweep()
    before = {tag: name for tag in names.values() if (name := docker("image", "ls", "--quiet", tag).strip())}
    try:
        with tempfile.TemporaryDirectory(prefix="ktrdr-bases-") as folder:
            _make_bases(Path(folder), names)
        _build_worker(names["worker"], wheels)
        yield
    finally:
        _sweep()
        for tag, name in before.items():
            docker("image", "tag", name, tag)


def _sweep() -> None:
    """Removes every image with the label, and first the containers, which inherit it."""
    for name in docker("container", "ls", "--quiet", "--all", f"--filter=label={LABEL}").split():
        docker("container", "rm", "--force", "--volumes", name)
    command = ("image", "ls", "--quiet", "--no-trunc", f"--filter=label={LABEL}")
    while found := set(docker(*command).split()):  # an image goes after those built on it, and takes its steps along
        done = [subprocess.run(["docker", "image", "rm", "--force", name], capture_output=True) for name in found]
        if all(one.returncode != 0 for one in done):
            raise RuntimeError(f"images that cannot be removed: {done[0].stderr.decode()}")


def _make_bases(folder: Path, names: Mapping[str, str]) -> None:
    log.info("base images: Debian with Python, from this machine's mirror")
    debian(folder / "slim", "bookworm", PYTHON)
    _import(folder / "slim", names["slim"], *(f"ENV {key}={json.dumps(value)}" for key, value in network().items()))
    log.info("base images: the same with a compiler, this machine's Rust, PostgreSQL")
    install = (
        f"apt-get -qq update && apt-get -qq install --yes --no-install-recommends {' '.join(COMPILER)} > /dev/null"
    )
    _build(names["large"], "-", stdin=f"FROM {names['slim']}\nRUN {install}\n")
    toolchain(folder / "rust")
    _import(folder / "rust", names["rust"])
    _build(names["postgres"], _POSTGRES, f"--build-arg=BASE={names['slim']}")


def _import(root: Path, tag: str, *changes: str) -> None:
    """A folder as an image, with the label that all images built on it inherit."""
    pack = [
        "tar",
        f"--directory={root}",
        "--exclude=./var/cache/apt/archives/*.deb",
        "--exclude=./dev/*",
        "--create",
        ".",
    ]
    options = [f"--change={change}" for change in (f"LABEL {LABEL}=yes", *changes)]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        subprocess.run(["docker", "import", *options, "-", tag], stdin=packing.stdout, check=True, capture_output=True)
    assert packing.returncode == 0


def _build(tag: str, context: str | Path, *options: str, stdin: str | None = None, limit_s: float = 600) -> None:
    """Builds on this machine's network, whose registries need not be seen from elsewhere."""
    docker("build", "--network=host", "--tag", tag, *options, context, stdin=stdin, limit_s=limit_s)


def _build_worker(tag: str, wheels: Path) -> None:
    log.info("the worker's image, from the Dockerfile")
    begun_s = time.monotonic()
    with _page_of(wheels) as page:
        _build(tag, ROOT, f"--build-arg=PIP_FIND_LINKS={page}", limit_s=1_500)
    log.info("built in %.0f s", time.monotonic() - begun_s)


@contextmanager
def _page_of(folder: Path) -> Iterator[str]:
    """The address of a page on this machine that lists the files of a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@dataclass(frozen=True)
class Sandbox:
    """The services of the compose file, in a separate project."""

    compose: tuple[str, ...]
    secrets: Mapping[str, str]

    def do(self, *words: str, limit_s: float = 300) -> str:
        """Runs Compose to its end."""
        place = ("--project-name", PROJECT, "--file", str(COMPOSE_FILE))
        return run([*self.compose, *place, *words], env=os.environ | dict(self.secrets), limit_s=limit_s)

    def __enter__(self) -> Sandbox:
        self.down()
        log.info("starting %s", COMPOSE_FILE.name)
        try:
            self.do("up", "--detach", "--no-build")
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def down(self) -> None:
        """Ends and removes the containers, the network and the volumes of the project."""
        self.do("down", "--volumes", "--remove-orphans")

    def container(self, service: str) -> str:
        """The id of a service's container."""
        labels = {"project": PROJECT, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        return docker("container", "ls", "--all", "--quiet", "--no-trunc", *filters).strip()

    def facts(self, service: str) -> dict[str, Any]:
        """The state of a service's container, as the engine inspects it."""
        (found,) = json.loads(docker("container", "inspect", self.container(service)))
        return dict(found)

    def health(self, service: str) -> str:
        """``starting``, ``healthy`` or ``unhealthy``."""
        return str(self.facts(service)["State"]["Health"]["Status"])

    def inside(self, service: str, *command: str, stdin: str | bytes | None = None) -> str:
        """Returns the output of a command that runs beside the service, as its user."""
        return docker("exec", "--interactive", self.container(service), *command, stdin=stdin, limit_s=600)

    def query(self, statement: str) -> str:
        """The first row that the database answers."""
        return self.inside(
            "db", "psql", "--username=ktrdr", "--no-align", "--tuples-only", f"--command={statement}"
        ).strip()

    def log(self, service: str) -> str:
        """Everything that a service has said, in both streams."""
        done = subprocess.run(["docker", "logs", self.container(service)], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr
