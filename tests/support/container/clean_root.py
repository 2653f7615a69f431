"""The steps of an engine with the Dockerfile, by hand: stages in clean Debian roots, and the image as a container.

A stage is a stack of folders, laid over each other by overlayfs. Everything is mounted in mount namespaces that end
with the command that was run in them, so nothing has to be unmounted, not even after a crash. Needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from support.container.bases import network
from support.container.dockerfile import ROOT, Instruction, Stage, context_files

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STEP = """
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mount -t proc proc "$4/proc"
root=$4; shift 4
exec chroot "$root" "$@"
"""
_CONTAINER = """
ip link set lo up
mount -t overlay overlay -o "lowerdir=$1" "$2"
mount -t proc proc "$2/proc"
mount -t tmpfs -o noexec,nosuid,nodev tmpfs "$2/tmp"
mount --bind "$3" "$2/data"
root=$2; shift 3
exec chroot "$root" "$@"
"""


@dataclass
class Tree:
    """A stage as it grows: what lies below, what it adds, and what its instructions set."""

    lower: tuple[Path, ...]
    upper: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": _DEFAULT_PATH, "HOME": "/root"})
    args: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    health: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[Path, ...]:
        return (self.upper, *self.lower)

    def find(self, path: str) -> Path:
        """Returns the place of a path of the stage, also of one that no layer has."""
        places = [layer / path.lstrip("/") for layer in self.layers]
        return next((place for place in places if place.exists()), places[0])

    def run(self, command: Sequence[str]) -> None:
        """Runs a command in the stage, as root."""
        work = self.upper.with_suffix(".work")
        root = self.upper.with_suffix(".root")
        work.mkdir(exist_ok=True)
        root.mkdir(exist_ok=True)
        subprocess.run(
            [
                *("unshare", "--mount", "sh", "-euc", _STEP, "step"),
                *(":".join(map(str, self.lower)), self.upper, work, root),
                *("env", "-i", f"--chdir={self.workdir}", *_assignments(network() | self.env | self.args), *command),
            ],
            check=True,
        )


def _assignments(env: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in env.items()]


class Build:
    """Carries out the stages of a Dockerfile over given base images."""

    def __init__(self, folder: Path, bases: Mapping[str, tuple[Path, ...]], wheels: Path) -> None:
        self._folder = folder
        self._bases = bases
        self._context = folder / "context"
        self._trees: dict[str, Tree] = {}
        for path in context_files():
            (self._context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, self._context / path)
        shutil.copytree(wheels, self._context / "wheels", dirs_exist_ok=True)

    def image(self, stages: Sequence[Stage]) -> Tree:
        """The last stage, with all its instructions carried out."""
        for stage in stages:
            upper = self._folder / stage.name
            upper.mkdir()
            tree = self._trees[stage.name] = Tree(self._bases[stage.base], upper)
            for one in stage.instructions:
                self._do(tree, one)
        return tree

    def _do(self, tree: Tree, one: Instruction) -> None:
        match one.name:
            case "RUN":
                tree.run(one.words)
            case "COPY":
                self._copy(tree, one)
            case "ENV" | "ARG":
                values = tree.env if one.name == "ENV" else tree.args
                values.update(word.split("=", 1) for word in one.words)
            case "WORKDIR":
                tree.workdir = one.words[0]
                tree.find(tree.workdir).mkdir(parents=True, exist_ok=True)
            case "USER":
                tree.user = one.words[0]
            case "ENTRYPOINT":
                tree.entrypoint = one.words
            case "HEALTHCHECK":
                tree.health = one.words
            case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
                pass
            case _:
                raise NotImplementedError(one)

    def _copy(self, tree: Tree, one: Instruction) -> None:
        """Folders by their contents; a file into a target that ends with a slash, else under the target's name."""
        *sources, target = one.words
        into = tree.upper / str(Path(tree.workdir, target)).lstrip("/")
        for found in self._found(sources, one.options.get("from")):
            (into if found.is_dir() or target.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
            # Links: the stage that is copied from is done with, and a gigabyte takes its time to write and to delete.
            subprocess.run(["cp", "--archive", "--link", f"{found}/." if found.is_dir() else found, into], check=True)

    def _found(self, sources: Sequence[str], stage: str | None) -> list[Path]:
        """Files and folders of a stage or, by their patterns, of the context."""
        if stage is not None:
            return [self._trees[stage].find(source) for source in sources]
        return [path for source in sources for path in self._context.glob(source)]


class Container:
    """The image at work: a read-only root, its data folder and /tmp, processes and a network of its own, no rights."""

    def __init__(self, image: Tree, folder: Path, env: Mapping[str, str], log: Path) -> None:
        (folder / "root").mkdir(parents=True)
        shutil.copytree(image.find("/data"), folder / "data")
        number = int(image.user.split(":")[0])
        os.chown(folder / "data", number, number)
        self._as_user = [
            *("setpriv", f"--reuid={number}", f"--regid={number}", "--clear-groups", "--no-new-privs"),
            *("--bounding-set=-all", "env", "-i", f"--chdir={image.workdir}", *_assignments(image.env | env)),
        ]
        self._health = image.health
        self._log = log.open("w")
        self._engine = subprocess.Popen(
            [
                *("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"),
                *("sh", "-euc", _CONTAINER, "container"),
                *(":".join(map(str, image.layers)), folder / "root", folder / "data"),
                *(*self._as_user, *image.entrypoint),
            ],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.pid = self._first_process()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._engine.poll() is None:
            os.kill(self.pid, signal.SIGKILL)  # the first process takes all others with it, and unshare waits for it
        self._engine.wait()
        self._log.close()

    def _first_process(self) -> int:
        """As this machine numbers it, from when it has its root on; before that there is nothing to enter."""
        children = Path(f"/proc/{self._engine.pid}/task/{self._engine.pid}/children")
        while not (found := children.read_text()) or str(Path(f"/proc/{int(found)}/root").readlink()) == "/":
            assert self._engine.poll() is None, "the container has ended"
            time.sleep(0.01)
        return int(found)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command beside the entry, with the same rights."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--ipc", "--uts", "--root"]
        return subprocess.run([*enter, *self._as_user, *command], capture_output=True, text=True, timeout=300)

    def wait_until_healthy(self, limit_s: float) -> None:
        """Repeats the image's health check until it succeeds."""
        until = time.monotonic() + limit_s
        while (asked := self.run(*self._health)).returncode != 0:
            assert self._engine.poll() is None, "the container has ended"
            assert time.monotonic() < until, asked.stderr
            time.sleep(0.2)

    def stop(self, limit_s: float) -> float:
        """Sends the stop signal to the first process; the seconds that it took to end."""
        begun = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        self._engine.wait(limit_s)
        return time.monotonic() - begun
