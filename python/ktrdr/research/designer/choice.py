"""The designer of a call: by the name of a model, else the grammar."""

from __future__ import annotations

from pathlib import Path

from ktrdr._types import Json
from ktrdr.errors import ArgumentInvalid
from ktrdr.research.designer.base import Designer
from ktrdr.research.designer.given import Given
from ktrdr.research.designer.grammar.designer import NAME as GRAMMAR
from ktrdr.research.designer.grammar.designer import Grammar
from ktrdr.research.designer.language.designer import LanguageModel
from ktrdr.research.designer.language.models import MODELS, model_id
from ktrdr.text import nearest, one_line


def designer_of(
    model: str | None = None, *, strategy: str | Path | Json | None = None, allow_path: bool = True
) -> Designer:
    """Returns the designer of a call.

    Args:
        model: ``grammar``, ``haiku``, ``sonnet``, ``opus`` or the full id of a model; None means ``grammar``.
        strategy: a strategy that the user has already; it is taken as it is.
        allow_path: True if ``strategy`` may be a path.

    Raises ``ArgumentInvalid`` for any other name.

    >>> designer_of().name, designer_of("grammar").name, designer_of(strategy="v3_minimal").name
    ('grammar', 'grammar', 'given')
    >>> designer_of("haiku").name
    'claude-haiku-5-5'
    """
    if strategy is not None:
        return Given(strategy, allow_path=allow_path)
    if model is None or model == GRAMMAR:
        return Grammar()
    if (known := model_id(model)) is not None:
        return LanguageModel(known)
    names = (GRAMMAR, *MODELS)
    hint = nearest(model, names) or "grammar needs no key"
    raise ArgumentInvalid(
        "unknown designer",
        where="model",
        found=one_line(model),
        expected=f"{', '.join(names)} or claude-...",
        hint=hint,
    )
