"""The designer of a call: by the name of a model, else the grammar."""

from __future__ import annotations

from pathlib import Path

from ktrdr.errors import ArgumentInvalid
from ktrdr.research.designer.base import Designer
from ktrdr.research.designer.given import Given
from ktrdr.research.designer.grammar.designer import NAME as GRAMMAR
from ktrdr.research.designer.grammar.designer import Grammar


def designer_of(model: str | None = None, *, strategy: str | Path | None = None, allow_path: bool = True) -> Designer:
    """Returns the designer of a call.

    Args:
        model: ``grammar``; None means it too.
        strategy: a strategy that the user has already; it is taken as it is.
        allow_path: True if ``strategy`` may be a path.

    >>> designer_of().name, designer_of("grammar").name, designer_of(strategy="v3_minimal").name
    ('grammar', 'grammar', 'given')
    """
    if strategy is not None:
        return Given(strategy, allow_path=allow_path)
    if model is None or model == GRAMMAR:
        return Grammar()
    raise ArgumentInvalid("unknown designer", where="model", found=model, expected=GRAMMAR)
