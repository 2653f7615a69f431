"""The root of the error tree, and the errors that belong to no family."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

_COMMON_FIELDS = ("where", "found", "expected", "hint")


class KtrdrError(Exception):
    """Base of the tree; its constructor arguments are keyword fields of the message.

    A subclass gives its stable code as a class argument: ``class DataEmpty(DataError, code="data_empty")``.

    Args:
        what: the sentence that names the problem.
        where: file, field, option or series the problem sits in.
        found: the offending value, as given.
        expected: the values that would have been accepted.
        hint: advice on what to do.
        place: values of the class's ``place_fields``.
    """

    code: ClassVar[str] = "error"
    place_fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, code: str | None = None, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if code is not None:
            cls.code = code
        # Pickles and tracebacks name the public module, so that a class may move between the files of this package.
        if cls.__module__.startswith("ktrdr.errors."):
            cls.__module__ = "ktrdr.errors"

    def __init__(
        self, what: str, *, where: str = "", found: object = None, expected: object = None, hint: str = "", **place: Any
    ) -> None:
        unknown = set(place) - set(self.place_fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)}")
        self.what = what
        self.where = where
        self.found = found
        self.expected = expected
        self.hint = hint
        for name in self.place_fields:
            setattr(self, name, place.get(name))
        super().__init__(self._sentence())

    def __str__(self) -> str:
        return self._sentence()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.fields())

    def fields(self) -> dict[str, Any]:
        """Returns the message as data: what, where, found, expected, hint and the place fields of the class."""
        names = ("what", *_COMMON_FIELDS, *self.place_fields)
        return {name: getattr(self, name) for name in names}

    def but(self, **fields: object) -> Self:
        """Returns the same error with other values of some fields.

        >>> str(KtrdrError("no bars").but(where="bars.csv"))
        'bars.csv: no bars'
        """
        return type(self)(**self.fields() | fields)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON-ready form: code, message and every field that is set."""
        shown = {key: value for key, value in self.fields().items() if value not in (None, "")}
        return {"code": self.code, "message": str(self)} | {
            key: value if _is_json(value) else _shown(value) for key, value in shown.items()
        }

    def _details(self) -> list[str | None]:
        """Returns the parts of the message between ``where`` and the sentence; a family shows its place fields."""
        return []

    def _place(self) -> list[str]:
        return [part for part in (self.where, *self._details()) if part]

    def _sentence(self) -> str:
        text = ": ".join([*self._place(), self.what])
        facts = []
        if self.found is not None:
            facts.append(f"found {_shown(self.found)}")
        if self.expected is not None:
            facts.append(f"expected {_shown(self.expected)}")
        if facts:
            text += ": " + ", ".join(facts)
        return text + (f"; {self.hint}" if self.hint else "")


class Cancelled(KtrdrError, code="cancelled"):
    """A run that its cancellation token stopped; what was saved can be resumed."""


class ProcessorUnsupported(KtrdrError, ImportError, code="processor_unsupported"):
    """A processor without the instructions that the compiled core was built for."""


class NumericState(KtrdrError, RuntimeError, code="numeric_state"):
    """A process whose numeric settings would change a result and cannot be set for the run."""


class InternalError(KtrdrError, RuntimeError, code="internal"):
    """A bug in ktrdr: please report it."""


class AccountingIdentity(InternalError, code="accounting_identity"):
    """A ledger whose initial capital plus net P&L is not the final equity."""


def all_errors() -> dict[str, type[KtrdrError]]:
    """Returns every class that has a code, by code.

    >>> all_errors()["data_empty"].__name__
    'DataEmpty'
    """
    found: dict[str, type[KtrdrError]] = {}
    waiting = list(KtrdrError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.code != KtrdrError.code:
            found[kind.code] = kind
    return found


def from_code(code: str, what: str, **fields: Any) -> KtrdrError:
    """Returns the error with this code; errors of the Rust core and of a worker become Python's here.

    An unknown code gives ``InternalError``. Fields that the class does not have are dropped.

    >>> from_code("data_empty", "no bars")
    DataEmpty('no bars')
    """
    kind = all_errors().get(code, InternalError)
    known = {name: value for name, value in fields.items() if name in kind.place_fields or name in _COMMON_FIELDS}
    return kind(what, **known)


def _rebuild(kind: type[KtrdrError], fields: dict[str, Any]) -> KtrdrError:
    return kind(**fields)


def _is_json(value: object) -> bool:
    """Returns True for a value that strict JSON can hold as it is; infinity and NaN are none."""
    return math.isfinite(value) if isinstance(value, float) else isinstance(value, int | str | list)


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value and value.isprintable() else repr(value)
