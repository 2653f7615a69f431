"""Lists of operations as JSON, in which an operation is written once for as long as nothing about it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from ktrdr.operations.models import Operation, Overview
from ktrdr.worker.views import view_of

_MOST_KEPT = 512


@dataclass(frozen=True)
class Listed:
    """The JSON of operations at rest, by id, each with the overview that it was made from.

    The store gives the same values again for a row that has not changed, unless a text in it is long. So an operation
    is kept here once it has come twice as the same value.
    """

    _kept: dict[str, tuple[Overview, str]] = field(default_factory=dict)
    _seen: WeakValueDictionary[str, Operation] = field(default_factory=WeakValueDictionary)

    def answer(self, found: Sequence[Overview], following: str | None) -> str:
        """Returns the JSON of an ``OperationList``."""
        texts = ",".join(map(self._text, found))
        cursor = "null" if following is None else f'"{following}"'
        return f'{{"operations":[{texts}],"next_cursor":{cursor}}}'

    def _text(self, overview: Overview) -> str:
        name = overview.operation.id
        kept = self._kept.get(name)
        if kept is not None and kept[0].has_values_of(overview):
            return kept[1]
        text = view_of(overview).model_dump_json()
        if overview.at_rest and self._seen.get(name) is overview.operation:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[name] = (overview, text)
        self._seen[name] = overview.operation
        return text
