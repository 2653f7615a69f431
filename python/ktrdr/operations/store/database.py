"""One SQL database, SQLite or PostgreSQL: connections, transactions, clock, and the meaning of failures."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Double, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ktrdr import settings
from ktrdr.errors import ArgumentInvalid, StorageUnavailable

BUSY_SECONDS = 5
ANSWER_SECONDS = 20
_WRITES = "ktrdr_writes"
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_DECODED = partial(str, encoding="utf-8", errors="surrogateescape")
"""Called for every text; a function of Python's own takes longer than to read the row."""
_Result = TypeVar("_Result")

_SQLITE_TRANSIENT = {"BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "PROTOCOL", "NOMEM"}
# connection lost, too few resources (a full disk too), shutdown, locked or too slow, deadlock, I/O
_POSTGRESQL_TRANSIENT = ("08", "53", "57P", "55P03", "57014", "25P0", "40", "58")
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")


class now(FunctionElement[float]):  # noqa: N801
    """Clock of the database, seconds since 1970; every lease is measured by it."""

    type = Double()
    inherit_cache = True


@compiles(now, "sqlite")
def _sqlite_now(element: now, compiler: object, **_: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _postgresql_now(element: now, compiler: object, **_: object) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def database_url(url: str | None = None) -> URL:
    """Returns ``url``, else ``KTRDR_DATABASE_URL``, else ``ktrdr.db`` in the data folder."""
    given = url or settings.database_url()
    if not given:
        return URL.create("sqlite", database=str(settings.data_root() / "ktrdr.db"))
    try:
        found = make_url(given)
    except ArgumentError:
        found = URL.create("unreadable")
    if found.drivername not in ("sqlite", "postgresql+psycopg") or not found.database:
        expected = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        raise ArgumentInvalid(
            "not a database", where=settings.where("KTRDR_DATABASE_URL"), found=found.drivername, expected=expected
        )
    return found


class Database:
    """Transactions on one database.

    SQLite has one writer at a time. Threads of this process take turns before they take a connection: where each of
    them waits inside SQLite, they have every connection of the pool, and nobody can read. Nobody waits for longer than
    ``BUSY_SECONDS`` for a turn or a connection: callers have gone by then, and their work would hold up others.

    Args:
        url: address; the file of an SQLite database is created, readable by its user alone.
    """

    def __init__(self, url: URL) -> None:
        self._engine = _sqlite(url) if url.drivername == "sqlite" else _postgresql(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # Every statement of a read sees one moment, as in SQLite: else an operation that is deleted between two of
        # them would look like one that has lost its result.
        one_moment = {} if url.drivername == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._reader = self._engine.execution_options(**one_moment)
        self._turn = threading.Lock() if url.drivername == "sqlite" else None

    def read(self, work: Callable[[Connection], _Result]) -> _Result:
        """Runs ``work`` in a transaction that only reads, and that sees the database at one moment."""
        with _storage_errors(), self._reader.begin() as connection:
            return work(connection)

    def write(self, work: Callable[[Connection], _Result]) -> _Result:
        """Runs ``work`` in a transaction; on SQLite it holds the write lock from its start."""
        with _storage_errors(), _taken(self._turn), self._writer.begin() as connection:
            return work(connection)

    def repeat(self, work: Callable[[Connection], _Result]) -> _Result:
        """Repeats ``write`` if the connection was lost; the work must recognise an earlier commit of itself."""
        try:
            return self.write(work)
        except StorageUnavailable as error:
            if not isinstance(error.__cause__, DBAPIError) or not error.__cause__.connection_invalidated:
                raise
        return self.write(work)

    def close(self) -> None:
        """Closes every connection to the database."""
        self._engine.dispose()


def _sqlite(url: URL) -> Engine:
    file = Path(str(url.database))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        if error.errno in _NOT_WRITABLE and os.access(file, os.R_OK):
            return _engine(_only_read(url, file), partial(_configure, writes=False))
        full = error.errno == errno.ENOSPC
        what = "the database cannot be opened"
        raise StorageUnavailable(what, where=file.name, found=error.strerror, transient=full) from None
    return _engine(url, partial(_prepare, file))


def _engine(url: URL, prepare: Callable[[sqlite3.Connection], None]) -> Engine:
    engine = create_engine(url, pool_timeout=BUSY_SECONDS, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", lambda connection, _record: prepare(connection))
    event.listen(engine, "begin", _begin)
    return engine


def _only_read(url: URL, file: Path) -> URL:
    """Returns the address of a database in a folder that cannot be written; SQLite then looks for no locks.

    Without a WAL the file alone has all that was committed. With one, SQLite needs the files beside it as they are.
    """
    wal = file.with_name(f"{file.name}-wal")
    settled = not wal.exists() or wal.stat().st_size == 0
    options = {"mode": "ro", "uri": "true", **({"immutable": "1"} if settled else {})}
    return url.set(database=f"file:{quote(str(file.absolute()))}", query=options)


def _prepare(file: Path, connection: sqlite3.Connection) -> None:
    """Prepares a connection that may write; raises ``StorageUnavailable`` where the WAL has been taken away."""
    if _lacks_wal(file):
        connection.close()
        raise StorageUnavailable(
            "the database's WAL is missing: the last writes are in it",
            where=file.name,
            expected=f"{file.name}-wal beside it",
            hint=f"put it back; without it, remove {file.name}-shm to use what is in {file.name} alone",
        )
    _configure(connection)


def _lacks_wal(file: Path) -> bool:
    """Returns True if the index of a WAL stays there without the WAL; another process may be closing both."""
    for _ in range(3):
        index, wal = (file.with_name(file.name + end).exists() for end in ("-shm", "-wal"))
        if wal or not index:
            return False
        time.sleep(0.02)
    return True


def _configure(connection: sqlite3.Connection, *, writes: bool = True) -> None:
    """Turns off the implicit transactions of Python's sqlite3, which begin only at the first change."""
    connection.isolation_level = None
    # A text that a damaged disk has changed reaches its reader, which refuses it and keeps the other rows.
    connection.text_factory = _DECODED
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if writes and connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        _keep_a_wal(connection)


def _keep_a_wal(connection: sqlite3.Connection) -> None:
    """Changes the journal to WAL. SQLite waits for the locks of other processes everywhere but here."""
    began_s = time.monotonic()
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() - began_s > BUSY_SECONDS:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    """Makes an engine with timeouts: the server ends a frozen owner's transaction, and a lost server is noticed.

    A server that is frozen, or something else that listens at its address, takes bytes and says nothing. The client
    waits ``ANSWER_SECONDS`` for each statement, and ``BUSY_SECONDS`` for a connection.
    """
    settings = (
        f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout={2 * BUSY_SECONDS}s "
        f"-c statement_timeout={ANSWER_SECONDS}s"
    )
    arguments = {
        "application_name": "ktrdr",
        "options": settings,
        "connect_timeout": BUSY_SECONDS,
        "keepalives_idle": BUSY_SECONDS,
        "keepalives_interval": BUSY_SECONDS,
        "keepalives_count": 2,
        "tcp_user_timeout": 3_000 * BUSY_SECONDS,
    }
    engine = create_engine(url, pool_timeout=BUSY_SECONDS, pool_pre_ping=True, connect_args=arguments)
    connect = _patient_connections()
    event.listen(engine, "do_connect", lambda _dialect, _record, words, named: connect(*words, **named))
    return engine


def _patient_connections() -> Callable[..., Any]:
    """Returns the function that makes connections whose statements end in time, with psycopg imported now."""
    import psycopg

    class Patient(psycopg.Connection[Any]):
        def wait(self, gen: Any, *words: Any, **named: Any) -> Any:
            try:
                return super().wait(gen, *words, **{"timeout": ANSWER_SECONDS, **named})
            except psycopg.OperationalError:
                if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                    self.close()  # its answer, should it still come, is nobody's
                raise

    return Patient.connect


@contextmanager
def _taken(turn: threading.Lock | None) -> Iterator[None]:
    """Holds the turn to write, where there are turns; ``StorageUnavailable`` if others have it for too long."""
    if turn is None:
        yield
        return
    if not turn.acquire(timeout=BUSY_SECONDS):
        raise StorageUnavailable("too many writes of this process wait for the database", transient=True)
    try:
        yield
    finally:
        turn.release()


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _unavailable(error) from error
    except PoolTimeout as error:
        raise StorageUnavailable("every connection to the database is in use", transient=True) from error


def _unavailable(error: DBAPIError) -> StorageUnavailable:
    """Returns the error that a driver's failure means; its sentence names neither path nor password."""
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", None) or "SQLITE_ERROR"
        transient = name.split("_")[1] in _SQLITE_TRANSIENT
    else:
        state = getattr(cause, "sqlstate", None)
        text = str(cause)
        name = state or ("refused" if any(words in text for words in _REFUSED) else "no connection")
        transient = name == "no connection" or (state or "").startswith(_POSTGRESQL_TRANSIENT)
    if name.startswith("SQLITE_READONLY"):
        return StorageUnavailable("the database can only be read", found=name, hint="its folder cannot be written")
    return StorageUnavailable(
        _reason(name) if transient else "the database cannot be used", found=name, transient=transient
    )


def _reason(name: str) -> str:
    """Returns what a driver's word for a failure that passes means.

    >>> _reason("SQLITE_BUSY"), _reason("SQLITE_FULL"), _reason("57P01")
    ('another process holds the database', 'the disk of the database is full', 'the database does not answer')
    """
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or name in ("55P03", "40P01"):
        return "another process holds the database"
    return "the disk of the database is full" if name in ("SQLITE_FULL", "53100") else "the database does not answer"
