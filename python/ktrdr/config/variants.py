"""Keys of a choice that was not made: known to the grammar, without effect in this file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrdr.config.strict import Strict, keys_of

Variants = Mapping[str, type[Strict]]
"""The models of a section by the value of the key that chooses between them."""


def keys_of_others(
    section: Mapping[str, Any], variants: Variants, by: str, default: str | None = None
) -> dict[str, str]:
    """Returns the keys of a section that belong to another variant only, with the choice they need.

    Args:
        section: as written.
        variants: its models by choice.
        by: the key that chooses.
        default: the choice of a section without that key.

    >>> class Fixed(Strict):
    ...     kind: str = "fixed"
    >>> class Step(Strict):
    ...     kind: str = "step"
    ...     size: int = 1
    >>> keys_of_others({"kind": "fixed", "size": 3}, {"fixed": Fixed, "step": Step}, "kind")
    {'size': 'kind: step'}
    """
    chosen = section.get(by, default)
    if not isinstance(chosen, str) or chosen not in variants:
        return {}
    own = keys_of(variants[chosen])
    owners = {
        key: [name for name, model in variants.items() if key in keys_of(model)] for key in section if key not in own
    }
    return {key: f"{by}: {' or '.join(names)}" for key, names in owners.items() if names}
