"""The registered kinds, found by name; a kind's module is imported when it is first needed."""

from __future__ import annotations

from typing import Any

from ktrdr._lazy import resolve
from ktrdr.errors import ArgumentInvalid
from ktrdr.operations import KINDS


def registered(kind: str) -> Any:
    """Returns the object that `KINDS` names for a kind.

    Raises ``ArgumentInvalid`` for a kind that this version does not have.
    """
    entry = KINDS.get(kind)
    if entry is None:
        known = " ".join(sorted(KINDS))
        hint = "a later version of ktrdr may have it"
        raise ArgumentInvalid("unknown kind of operation", where="kind", found=kind, expected=known, hint=hint)
    return resolve(entry)
