"""Log of the worker: one line for each event, never a query string, nothing over and over."""

from __future__ import annotations

import logging
import logging.config
import time
from pathlib import Path
from typing import Final

from ktrdr._types import JsonObject
from ktrdr.errors import ArgumentInvalid
from ktrdr.settings import log_file, where

LARGEST_FILE_BYTES: Final = 10 << 20
FILES: Final = 5
_SELDOM_SECONDS = 10.0
_PROBES = frozenset({"/health", "/ready"})
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class WithoutQuery(logging.Filter):
    """Cuts the query off a line of the access log: callers may have put secrets there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes every record but those of a probe that went well."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, protocol, status = record.args
            record.args = (client, method, str(path).partition("?")[0], protocol, status)
            return not (record.args[2] in _PROBES and status == 200)
        return True


class Seldom(logging.Filter):
    """Passes each message of a library once in ten seconds: a stranger must not be able to fill the log.

    >>> seldom = Seldom()
    >>> [seldom.filter(logging.makeLogRecord({"msg": "accept failed"})) for _ in range(3)]
    [True, False, False]
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_at_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes a record whose message has not passed lately; its first line tells messages apart."""
        message = str(record.msg).partition("\n")[0]
        now_s = time.monotonic()
        if now_s - self._passed_at_s.get(message, -_SELDOM_SECONDS) < _SELDOM_SECONDS:
            return False
        self._passed_at_s = {message: now_s} if len(self._passed_at_s) > 64 else self._passed_at_s | {message: now_s}
        return True


def configure() -> None:
    """Sets up logging for the whole process; raises ``ArgumentInvalid`` for a file that cannot be written."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"without_query": {"()": WithoutQuery}, "seldom": {"()": Seldom}},
            "formatters": {"line": {"format": _FORMAT}},
            "handlers": {"log": {"formatter": "line", **_handler(log_file())}},
            "loggers": {
                "ktrdr": {"level": "INFO"},
                "uvicorn": {"level": "WARNING"},
                "uvicorn.error": {"filters": ["seldom"]},
                "asyncio": {"filters": ["seldom"]},
                "uvicorn.access": {"level": "INFO", "filters": ["without_query"]},
            },
            "root": {"level": "WARNING", "handlers": ["log"]},
        }
    )


def _handler(file: Path | None) -> JsonObject:
    """Returns the handler of a log: the error stream, or a file that rotates."""
    if file is None:
        return {"class": "logging.StreamHandler"}
    try:
        file.open("a").close()
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise ArgumentInvalid(what, where=where("KTRDR_LOG_FILE"), found=str(file)) from None
    sizes = {"maxBytes": LARGEST_FILE_BYTES, "backupCount": FILES - 1}
    return {"class": "logging.handlers.RotatingFileHandler", "filename": str(file), "encoding": "utf-8", **sizes}
