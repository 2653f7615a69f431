"""Errors of strategy files and of rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ktrdr.errors.base import KtrdrError, from_code


class ConfigError(KtrdrError, ValueError):
    """A strategy file or rule that cannot be used; ``line`` (from 1) and ``path`` (dotted keys) say where.

    Where more than one fault was found, ``faults`` lists every one in file order; the error itself is the first.
    """

    place_fields = ("line", "path", "faults")
    line: int | None
    path: str | None
    faults: tuple[ConfigError, ...]

    def __init__(self, what: str, *, faults: Iterable[ConfigError | dict[str, Any]] | None = None, **fields: Any):
        super().__init__(what, **fields)
        self.faults = tuple(_fault(fault) for fault in faults or ())

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults) or self._sentence()

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON-ready form of the first fault, and of every fault where there are several."""
        facts = super().to_dict() | {"message": self._sentence()}
        del facts["faults"]
        return facts | ({"faults": [fault.to_dict() for fault in self.faults]} if self.faults else {})

    def _place(self) -> list[str]:
        file = self.where if self.line is None else f"{self.where}:{self.line}"
        return [part for part in (file, self.path) if part]


class ConfigUnknownKey(ConfigError, code="config_unknown_key"):
    """A key the grammar does not know."""


class ConfigDuplicateKey(ConfigError, code="config_duplicate_key"):
    """A key that occurs twice in one mapping."""


class ConfigAlias(ConfigError, code="config_alias"):
    """A YAML anchor, alias or merge key."""


class ConfigTooDeep(ConfigError, code="config_too_deep"):
    """Nesting beyond 16 levels."""


class ConfigTag(ConfigError, code="config_tag"):
    """A YAML tag, which strategy files do not allow."""


class ConfigType(ConfigError, code="config_type"):
    """A value of the wrong type."""


class ConfigMissing(ConfigError, code="config_missing"):
    """A required key that is absent."""


class ConfigNonfinite(ConfigError, code="config_nonfinite"):
    """NaN, infinity or a number that overflows."""


class ConfigRange(ConfigError, code="config_range"):
    """A value outside its bounds or choices."""


class ConfigFuzzy(ConfigError, code="config_fuzzy"):
    """Membership parameters in a wrong number or order."""


class ConfigReference(ConfigError, LookupError, code="config_reference"):
    """A reference to something that is not declared."""


class ConfigDuplicateFeature(ConfigError, code="config_duplicate_feature"):
    """Two inputs that give the same feature."""


class ConfigDocument(ConfigError, code="config_document"):
    """A file that is not one YAML document in UTF-8 within the size limit."""


class ConfigNotFound(ConfigError, FileNotFoundError, code="config_not_found"):
    """A strategy name or path that does not exist."""


class ConfigExposed(ConfigError, code="config_exposed"):
    """A secret in a file of settings that other users can read."""


def _fault(fault: ConfigError | dict[str, Any]) -> ConfigError:
    """Returns a fault as an error; a worker sends it as JSON."""
    if isinstance(fault, ConfigError):
        return fault
    made = from_code(**fault)
    assert isinstance(made, ConfigError)
    return made
