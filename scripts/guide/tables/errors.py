"""Table of the errors: code, meaning, exit code of the command line and status of the HTTP service."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from scripts.guide.markdown import code, plain, table

from ktrdr import errors as tree
from ktrdr.cli.exits import EXIT_CODES
from ktrdr.worker.statuses import HTTP_STATUSES


def _below(family: type[tree.KtrdrError]) -> Iterator[type[tree.KtrdrError]]:
    for one in family.__subclasses__():
        yield one
        yield from _below(one)


def errors() -> str:
    """Returns a heading and a table for each family of the tree, and one for the errors that belong to none."""
    families = {family: _leaves(family) for family in tree.KtrdrError.__subclasses__()}
    parts = [
        f"## {family.__name__}\n\n{_summary(family)}\n\n{_table(leaves)}"
        for family, leaves in families.items()
        if len(leaves) > 1
    ]
    alone = [leaf for leaves in families.values() if len(leaves) == 1 for leaf in leaves]
    return "\n".join([*parts, f"## Others\n\n{_table(alone)}"])


def _leaves(family: type[tree.KtrdrError]) -> list[type[tree.KtrdrError]]:
    found = [one for one in (family, *_below(family)) if "code" in vars(one)]
    return sorted(found, key=lambda leaf: leaf.code)


def _table(leaves: Iterable[type[tree.KtrdrError]]) -> str:
    return table(("code", "class", "meaning", "exit", "HTTP"), [_row(leaf) for leaf in leaves])


def _row(leaf: type[tree.KtrdrError]) -> tuple[str, ...]:
    exit_code = next(EXIT_CODES[kind] for kind in leaf.__mro__ if kind in EXIT_CODES)
    status = next(HTTP_STATUSES[kind] for kind in leaf.__mro__ if kind in HTTP_STATUSES)
    return code(leaf.code), code(leaf.__name__), _summary(leaf), str(exit_code), str(status)


def _summary(one: type[tree.KtrdrError]) -> str:
    return plain((inspect.getdoc(one) or "").split("\n\n")[0])
