"""The base of kinds that import the class of their requests, and the words about them, only when they are needed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ktrdr._types import Json
from ktrdr.operations.kind import Kind, Shown

if TYPE_CHECKING:
    from ktrdr.config.stored import StoredRequest


class Words(Protocol):
    """Requests and results of a kind as lists print them: a module of these functions."""

    def shown(self, spec: Json, /) -> Shown:
        """Returns what lists and pages print of a request; one of a later version as far as it can be read."""

    def figures(self, summary: Json, /) -> Mapping[str, float | int | None]:
        """Returns the few numbers of a result by which lists tell operations apart."""

    def headline(self, manifest: Json, /) -> str:
        """Returns one line about a completed operation."""


class DeferredKind(Kind):
    """A kind whose start-up is cheap: lists of operations import no bars and no nets for it."""

    @abstractmethod
    def request_class(self) -> type[StoredRequest]:
        """Returns the class of its requests, imported by this call."""

    @abstractmethod
    def words(self) -> Words:
        """Returns the module of its words, imported by this call."""

    def parse(self, spec: Json) -> StoredRequest:
        """Returns the request of a spec, checked; raises ``ConfigError`` leaves and ``ArgumentInvalid``."""
        request = self.request_class().of_spec(spec)
        request.check()
        return request

    def unchanged(self, spec: Json) -> None:
        """Passes if the names in a spec still mean what they meant; ``IdentityMismatch`` names the difference."""
        self.request_class().of_spec(spec).check_name()

    def shown(self, spec: Json) -> Shown:
        """Returns what lists and pages print of a request."""
        return self.words().shown(spec)

    def figures(self, summary: Json) -> Mapping[str, float | int | None]:
        """Returns the few numbers of a result by which lists tell operations apart; None where one is undefined."""
        return self.words().figures(summary)

    def headline(self, manifest: Json) -> str:
        """Returns one line about a completed operation, from its manifest."""
        return self.words().headline(manifest)
