"""Table of the errors: code, meaning, exit code of the command line and status of the HTTP service."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from scripts.guide.markdown import code, plain, table

from ktrdr import errors as tree
from ktrdr.cli.exits import EXIT_CODES
from ktrdr.worker.statuses import HTTP_STATUSES


def _below(family: type[tree.KtrdrError]) -> Iterator[type[tree.KtrdrError]]:
    for one in family.__subclasses__():
        yield one
        yield from _below(one)


def errors() -> str:
    """Returns one table for each family, in the order of the tree."""
    parts = []
    for family in tree.KtrdrError.__subclasses__():
        leaves = [one for one in (family, *_below(family)) if "code" in vars(one)]
        rows = [_row(leaf) for leaf in sorted(leaves, key=lambda leaf: leaf.code)]
        parts.append(
            f"## {family.__name__}\n\n{_summary(family)}\n\n{table(('code', 'class', 'meaning', 'exit', 'HTTP'), rows)}"
        )
    return "\n".join(parts)


def _row(leaf: type[tree.KtrdrError]) -> tuple[str, ...]:
    exit_code = next(EXIT_CODES[kind] for kind in leaf.__mro__ if kind in EXIT_CODES)
    status = next(HTTP_STATUSES[kind] for kind in leaf.__mro__ if kind in HTTP_STATUSES)
    return code(leaf.code), code(leaf.__name__), _summary(leaf), str(exit_code), str(status)


def _summary(one: type[tree.KtrdrError]) -> str:
    return plain((inspect.getdoc(one) or "").split("\n\n")[0])
