"""Log of the worker: one line for each event on the error stream, never a query string."""

from __future__ import annotations

import logging
import logging.config

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class WithoutQuery(logging.Filter):
    """Cuts the query off a line of the access log: callers may have put secrets there."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always passes the record."""
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, path, protocol, status = record.args
            record.args = (client, method, str(path).partition("?")[0], protocol, status)
        return True


def configure() -> None:
    """Sets up logging for the whole process."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"without_query": {"()": WithoutQuery}},
            "formatters": {"line": {"format": _FORMAT}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {
                "ktrdr": {"level": "INFO"},
                "uvicorn": {"level": "WARNING"},
                "uvicorn.access": {"level": "INFO", "filters": ["without_query"]},
            },
            "root": {"level": "WARNING", "handlers": ["stderr"]},
        }
    )
