"""The sentences of a sweep's page: what its figures of doubt mean, and what its neighbours say of the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from ktrdr.simulation.metrics import rate_text, value_text

SHOWN: Final = 0.95
"""DSR from which the page says that the best is more than luck."""
BY_LOT: Final = 0.5
"""PBO of a choice by lot."""
DOUBT: Final[Mapping[str, str]] = {
    "its Sharpe ratio": "annual, of all its days; the highest of so many is high by choice alone",
    "that of the best of so many without skill (expected)": (
        "grows with the number of scenarios, and with the spread of their ratios"
    ),
    "DSR": "probability that the true Sharpe ratio of the best is above that of luck",
    "PBO": (
        "share of the ways to split the time in two halves in which the best of one half is below the median in the "
        "other"
    ),
}
_LOW: Final = 0.1


def doubt_lines(sharpe: float, dsr: float | None, pbo: float | None, scenarios: int) -> tuple[str, ...]:
    """Returns sentences about the doubt that so many scenarios cast on the best of them.

    >>> doubt_lines(2.1, 0.97, None, 12)[0]
    'DSR 97.00 %: the best of 12 scenarios is more than luck.'
    """
    found = [] if sharpe > 0 else ["Even the best scenario has no Sharpe ratio above 0."]
    if dsr is None:
        found.append("DSR is undefined: the best has fewer than ten days, or returns of a few extremes.")
    elif dsr >= SHOWN:
        found.append(f"DSR {rate_text(dsr)}: the best of {scenarios:,} scenarios is more than luck.")
    else:
        below = f"DSR {rate_text(dsr)} is below {rate_text(SHOWN)}"
        found.append(f"{below}: the best of {scenarios:,} scenarios may be luck.")
    if pbo is None:
        found.append("PBO is undefined under ten comparable scenarios.")
    elif pbo >= BY_LOT:
        found.append(f"PBO {rate_text(pbo)}: the choice is no better than one by lot.")
    else:
        order = "holds" if pbo <= _LOW else "partly holds"
        found.append(
            f"PBO {rate_text(pbo)}: the order of the scenarios {order} in the other half of the time. "
            "That is no proof of a profit: a sweep of losers may have a firm order."
        )
    found.append("Both count the scenarios of this sweep alone. Whatever else was tried on these bars lowers DSR.")
    return tuple(found)


def neighbour_lines(best: float, ratios: Sequence[float | None]) -> tuple[str, ...]:
    """Returns what the Sharpe ratios of the scenarios next to the best say.

    >>> neighbour_lines(1.0, [0.9, 0.2, None])[0]
    '3 scenarios are one step of one rule away: Sharpe ratio 0.2 to 0.9, median 0.55; the best has 1.'
    """
    known = [ratio for ratio in ratios if ratio is not None]
    count = f"{len(ratios)} scenario{' is' if len(ratios) == 1 else 's are'} one step of one rule away"
    found = []
    if known:
        least, middle, most, own = (
            value_text("sharpe", value, digits=3) for value in (min(known), median(known), max(known), best)
        )
        found.append(f"{count}: Sharpe ratio {least} to {most}, median {middle}; the best has {own}.")
    missing = len(ratios) - len(known)
    if missing:
        found.append(f"{missing} of them {'has' if missing == 1 else 'have'} no Sharpe ratio.")
    found.append("A best scenario among good ones is likely to stay good; a lone peak was found by the search.")
    return tuple(found)
