"""The collector of reference cycles: it waits while the program starts, and works as usual once a run begins.

The modules, classes and functions of torch, polars and SQLAlchemy are 350,000 objects, most of which stay until the
end. While they are loaded, Python would walk all of them again and again in search of cycles: a third of a second.
"""

from __future__ import annotations

import gc

_LOADED = 500_000
"""More objects than a start makes. A command that begins no run collects its cycles beyond these."""
_USUAL = gc.get_threshold()
"""Python's own thresholds, as they are before the program changes any."""


def wait_while_loading() -> None:
    """Lets the collector of this process wait; the program calls it before it imports a command."""
    gc.set_threshold(_LOADED, *_USUAL[1:])


def resume_for_run() -> None:
    """Lets the collector work as usual, and leave alone what has been loaded; does nothing where it does not wait.

    A run of hours may make cycles that hold large arrays: they must not wait for half a million others.
    """
    if gc.get_threshold()[0] == _LOADED:
        # What is there is not walked again, not even once: the first look would cost what the wait has saved.
        gc.freeze()
        gc.set_threshold(*_USUAL)
