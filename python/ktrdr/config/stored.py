"""Requests that an operation stores as its ``spec``, a JSON object, and reads back later or elsewhere."""

from __future__ import annotations

from typing import Any, Self

from ktrdr._types import Json
from ktrdr.config.strict import Strict, checked


class StoredRequest(Strict):
    """Base of the requests of all kinds of operations.

    >>> class Sum(StoredRequest):
    ...     count: int
    >>> Sum.of_spec({"count": 3}).to_spec()
    {'count': 3}
    """

    @classmethod
    def of_spec(cls, spec: Json) -> Self:
        """Returns the request that `to_spec` wrote; raises ``ArgumentInvalid`` for another spec.

        A spec of an older version lacks the keys that came later: each of those has a default.
        """
        return checked(cls, spec)

    def check(self) -> None:
        """Checks all that a model of fields cannot, and that needs no data; raises a ``KtrdrError`` leaf."""

    def check_name(self) -> None:
        """Passes if the names in the request still mean what they meant at submission; else ``IdentityMismatch``."""

    def to_spec(self) -> dict[str, Any]:
        """Returns the request as a JSON object."""
        return self.model_dump()
