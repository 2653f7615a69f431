"""Pictures of the membership functions, computed by the core."""

from __future__ import annotations

import numpy as np
from scripts.guide.pictures.svg import Panel, picture

from ktrdr.feature_pipeline.memberships import degrees

_EXAMPLES = {
    "triangular": (20.0, 50.0, 80.0),
    "trapezoidal": (15.0, 40.0, 60.0, 85.0),
    "gaussian": (50.0, 15.0),
    "sigmoid": (50.0, 0.15),
}


def membership_picture(name: str) -> str:
    """Returns the degree of one function over the values 0 to 100."""
    parameters = _EXAMPLES[name]
    values = np.linspace(0.0, 100.0, 201)
    panel = Panel(0.0, 1.0, len(values), 10.0, 90.0)
    panel.grid((0.0, 0.5, 1.0), "g")
    panel.curve(degrees(name, parameters, values), "curve-0")
    for value in (0, 25, 50, 75, 100):
        panel.text(panel.x(value * 2), 118.0, str(value), "axis", "middle")
    return picture([panel], 124.0, f"{name} {list(parameters)}")
