"""Errors of research: briefs that cannot be met, and designers that give no strategy."""

from __future__ import annotations

from ktrdr.errors.base import KtrdrError
from ktrdr.errors.request import UsageError


class ResearchError(KtrdrError, ValueError):
    """A research that cannot start or continue."""


class BriefInvalid(ResearchError, code="brief_invalid"):
    """A brief that cannot be met; ``where`` is the part that cannot, ``parts`` has a sentence for each such part."""

    place_fields = ("parts",)
    parts: list[str] | None

    @property
    def faults(self) -> tuple[BriefInvalid, ...]:
        """Returns an error for each part, as a program prints them one by one.

        >>> refused = BriefInvalid("unknown", parts=["timeframe 7m: unknown", "symbol XYZ: no bars"])
        >>> [str(fault) for fault in refused.faults]
        ['timeframe 7m: unknown', 'symbol XYZ: no bars']
        """
        return tuple(BriefInvalid(part) for part in self.parts or ())

    def __str__(self) -> str:
        return "\n".join(self.parts or ()) or self._sentence()


class DesignFailed(ResearchError, code="design_failed"):
    """A language model that gave no valid strategy; ``parts`` has the last faults of its answer."""

    place_fields = ("calls", "parts")
    calls: int | None
    parts: list[str] | None


class DesignBudget(ResearchError, code="design_budget"):
    """A design that reached its limit of tokens or of cost before it had a valid strategy."""

    place_fields = ("calls",)
    calls: int | None


class DesignerUnavailable(ResearchError, code="designer_unavailable"):
    """A language model that is overloaded, refuses the key, or does not answer; ``status`` is that of HTTP."""

    place_fields = ("calls", "status")
    calls: int | None
    status: int | None


class ModelKeyMissing(UsageError, code="model_key_missing"):
    """A language model without the key that its service asks for."""
