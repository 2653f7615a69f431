"""All indicators of the catalogue, found by name.

>>> macd = find_indicator("MACD")
>>> [(output.name, output.lookback(defaults(macd), 24), output.settle(defaults(macd))) for output in macd.outputs]
[('line', 33, 90), ('signal', 33, 121), ('histogram', 33, 121)]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrdr.strategy.catalog import momentum, trend, volatility, volume
from ktrdr.strategy.catalog.indicator import Indicator

_ALL = (*momentum.FAMILY, *trend.FAMILY, *volatility.FAMILY, *volume.FAMILY)
_BY_NAME = {name: indicator for indicator in _ALL for name in (indicator.type, *indicator.aliases)}

INDICATORS: Mapping[str, Indicator] = {indicator.type: indicator for indicator in _ALL}
"""Every indicator by its type."""


def find_indicator(name: str) -> Indicator | None:
    """Returns the indicator with this type or alias, in any case; None if there is none."""
    return _BY_NAME.get(name.lower())


def defaults(indicator: Indicator) -> dict[str, Any]:
    """Returns every parameter at its default."""
    return {parameter.name: parameter.default for parameter in indicator.parameters}
