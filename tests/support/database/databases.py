"""Databases for tests: SQLite files, and a real PostgreSQL server of the session's own; the same tests on both."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ktrdr.operations.store.store import Store

TEMPLATE = "ktrdr_template"
_UNPRIVILEGED = ("postgres", "nobody")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs, the newest where there are several."""
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: float(file.parts[-3]))
    found = [Path(on_path)] if on_path else installed
    return found[-1].parent if found else None


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


class Server:
    """A PostgreSQL server on a free loopback port, which can be stopped, crashed and started again.

    It runs as an unprivileged user where we are root, with fsync as in production. The kernel ends it when the thread
    that has started it ends, so that is always one thread, which lives as long as the server.

    Args:
        programs: their folder.
        environment: variables besides this process's own.
        folder: where it makes its own folder; by default that of temporary files.
        settings: those of PostgreSQL that differ.
    """

    def __init__(
        self,
        programs: Path,
        environment: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._programs = programs
        self._settings = dict(settings or {})
        self._environment = os.environ | dict(environment or {})
        self._thread = ThreadPoolExecutor(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._count = itertools.count()
        self._clean = list[str]()
        self._root = Path(tempfile.mkdtemp(prefix="ktrdr-postgresql-", dir=folder))
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._root, self._user.pw_uid, self._user.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        options = ["-A", "trust", "-U", "ktrdr", "-E", "UTF8", "--locale", "C", "--no-sync"]
        self._spawn("initdb", "-D", str(self._root / "data"), *options).wait()
        self.start()

    def _spawn(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        as_user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        with (self._root / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._root,
                env=self._environment,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 (one system call, no lock)
                **as_user,
            )  # fmt: skip

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": str(self._root),
            "max_connections": "200", "shared_buffers": "32MB", "autovacuum": "off", **self._settings,
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        start = partial(self._spawn, "postgres", "-D", str(self._root / "data"), *words)
        self._process = self._thread.submit(start).result()
        self._wait_until_it_answers()

    def _wait_until_it_answers(self, patience_s: float = 60.0) -> None:
        import psycopg

        assert self._process is not None
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                gone = self._process.poll() is not None
                if gone or time.monotonic() > deadline_s:
                    raise RuntimeError(f"no PostgreSQL: {(self._root / 'postgres.log').read_text()[-2000:]}") from None
                time.sleep(0.02)

    def stop(self, *, crash: bool = False) -> None:
        """Ends it with its connections; ``crash``: without a word to them, to be recovered when it starts again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait()

    @property
    def is_up(self) -> bool:
        """Returns True unless it has ended by itself, as it does where its disk is full."""
        return self._process is not None and self._process.poll() is None

    def processes(self) -> list[int]:
        """Returns the ids of the server and of the processes that serve its connections."""
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [self._process.pid, *map(int, tasks.split())]

    def restart(self, *, crash: bool = False) -> None:
        """``stop`` and ``start``, at the same address."""
        self.stop(crash=crash)
        self.start()

    def close(self) -> None:
        """Ends it for good, and what it has stored."""
        self.stop(crash=True)
        self._thread.shutdown()
        shutil.rmtree(self._root, ignore_errors=True)

    def url(self, database: str) -> str:
        """Returns the address for SQLAlchemy."""
        return f"postgresql+psycopg://ktrdr@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """One statement, committed by itself."""
        import psycopg

        address = f"host=127.0.0.1 port={self.port} user=ktrdr dbname={database}"
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def empty(self) -> str:
        """The name of a new database with nothing in it."""
        name = f"empty_{next(self._count)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def take(self) -> str:
        """The name of a database at the newest schema with nothing in it."""
        if self._clean:
            return self._clean.pop()
        name = f"fresh_{next(self._count)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def give_back(self, database: str) -> None:
        """Empties a database for the next who takes one: making and dropping them takes most of a short test."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        self.execute("DELETE FROM operations; DELETE FROM workers; DELETE FROM trials", database)
        self._clean.append(database)


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError(f"PostgreSQL does not run as root, and there is no user {' or '.join(_UNPRIVILEGED)}")


def _open(url: str) -> Store:
    """Imports SQLAlchemy only in sessions that have a test of the store."""
    from ktrdr.operations.store.store import Store

    return Store.open(url)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The session's server; its tests are skipped where there is no PostgreSQL."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: no initdb on PATH nor in /usr/lib/postgresql (apt-get install postgresql)")
    server = Server(programs)
    try:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        _open(server.url(TEMPLATE)).close()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest schema, with nothing in it."""
    file = tmp_path_factory.mktemp("template") / "ktrdr.db"
    _open(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A new SQLite database."""
    file = shutil.copy(sqlite_template, tmp_path / "ktrdr.db")
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql_url(postgresql: Server) -> Iterator[str]:
    """A new PostgreSQL database."""
    name = postgresql.take()
    yield postgresql.url(name)
    postgresql.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A new database of either kind: a test that asks for it runs on both."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


ONE_DATABASE = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"], indirect=True
)
"""Marks a test of many processes whose SQLite variant belongs to the soak: cheaper tests of the store run on both."""


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], Store]]:
    """Opens the test's database, as often as there are processes to stand for; closed after the test."""
    opened: list[Store] = []

    def again() -> Store:
        opened.append(_open(database_url))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """The test's database, opened."""
    return open_store()
