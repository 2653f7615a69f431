"""Rules given on the command line: ``--set``, and the short options that stand for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter

from ktrdr.errors import ArgumentInvalid

SECTIONS = ("execution", "decisions", "metrics")


def _whole(_type: Any, tokens: Sequence[Any]) -> int:
    """The parser's own conversion would round 1.5 to 2."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'unable to convert "{text}" into int') from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""A whole number on the command line."""


def rules_of(
    settings: Sequence[str], *, commission: float | None = None, slippage: float | None = None
) -> dict[str, dict[str, Any]]:
    """Rules by section, nested; values are YAML 1.2 scalars or flow mappings. Raises ``ArgumentInvalid``.

    >>> rules_of(["execution.exits.stop_loss.rate=0.01"], slippage=0.0)
    {'execution': {'exits': {'stop_loss': {'rate': 0.01}}, 'slippage': {'rate': 0.0}}}
    """
    rules: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key.split(".")[0] not in SECTIONS or "" in key.split(".") or "." not in key:
            expected = f"SECTION.key=value with SECTION one of {', '.join(SECTIONS)}"
            raise ArgumentInvalid("cannot be read", where="--set", found=setting, expected=expected)
        _put(rules, key, _value(text, setting))
    for name, rate in (("commission", commission), ("slippage", slippage)):
        if rate is not None:
            _put(rules, f"execution.{name}.rate", rate)
    return rules


def _value(text: str, setting: str) -> Any:
    from ktrdr.config.yaml import read_yaml
    from ktrdr.errors import ConfigError

    try:
        return read_yaml(f"value: {text}", "--set").data["value"]
    except (ConfigError, KeyError, TypeError):
        raise ArgumentInvalid("the value cannot be read", where="--set", found=setting) from None


def _put(rules: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    inner = rules
    for name in path:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ArgumentInvalid("set as a whole and in part", where="--set", found=key)
    if last in inner:
        raise ArgumentInvalid("set twice", where="--set", found=key)
    inner[last] = value
