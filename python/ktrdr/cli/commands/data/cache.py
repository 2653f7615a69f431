"""``ktrdr data cache``: the features that are kept of earlier backtests, and a way to be rid of them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from ktrdr.cli.output import CommandResult
from ktrdr.feature_pipeline.cache.folder import FeatureFolder


def cache(*, clear: Annotated[bool, Parameter(negative="", show_default=False)] = False) -> CommandResult:
    """Show or clear the features kept of earlier backtests; KTRDR_FEATURE_CACHE_MB says how much may be kept.

    Parameters
    ----------
    clear
        Remove all of them; a run computes what it does not find.
    """
    folder = FeatureFolder.in_force()
    cleared = folder.clear() if clear else 0
    sizes = folder.sizes()
    facts = {
        "folder": str(folder.path),
        "entries": len(sizes),
        "bytes": sum(sizes),
        "limit_bytes": folder.limit_bytes,
        "cleared": cleared,
    }
    allowed = f"of {folder.limit_bytes / 2**20:,.0f} MiB" if folder.limit_bytes else "kept before; none are kept now"
    lines = [f"{len(sizes):,} entries, {sum(sizes) / 2**20:,.1f} MiB {allowed}: {folder.path}"]
    return CommandResult(facts, [f"cleared {cleared:,} entries", *lines] if clear else lines)
