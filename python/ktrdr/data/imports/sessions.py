"""Daily and weekly bars by the date of their session, so that date + 24 h is never before the true close."""

from __future__ import annotations

import numpy as np

from ktrdr._types import Stamps
from ktrdr.data.imports.clock import Clock, Place, SessionEnd
from ktrdr.data.imports.stamps import Moments, whole_days
from ktrdr.errors import ArgumentInvalid, DataTimeframe
from ktrdr.time import NS_PER_DAY, NS_PER_SECOND, Timeframe, iso


def bar_opens(
    moments: Moments, timeframe: Timeframe, clock: Clock | None, *, at_close: bool, end: SessionEnd | None, place: Place
) -> Stamps:
    """When each bar opened, ns UTC; of daily and weekly bars the session's date at 00:00 UTC.

    Stamps at midnight of their own offset, or of ``clock``, are dates. Others are instants: their bar belongs to
    the date of its session's last instant, so ``end`` is required, else ``DataTimeframe``.
    """
    if timeframe.intraday:
        if end is not None:
            raise ArgumentInvalid("only daily and weekly bars have one", where="session-end", found=timeframe.value)
        return moments.instants(clock, place) - (timeframe.ns if at_close else 0)
    dial = moments.dial(clock)
    _check_spacing(dial, timeframe)
    if end is None and not whole_days(dial):
        row = int(np.argmax(dial % NS_PER_DAY != 0))
        raise DataTimeframe(
            "the stamp is not at local midnight, so it is an instant and not a date", where=place(row), row=row,
            field="timestamp", timeframe=timeframe.value, found=iso(int(dial[row])).replace("T", " ").rstrip("Z"),
            hint="say when the session ends: --session-end '17:00 America/New_York'",
        )  # fmt: skip
    if end is not None and moments.dates:
        raise ArgumentInvalid("the stamps are dates already", where="session-end", expected="stamps with a time of day")
    if timeframe is Timeframe.W1:
        stamps = dial if end is None else moments.instants(clock, place)
        return _mondays(stamps - _until_close(moments) if at_close else stamps)
    if end is None:
        # A bar that closes at the midnight that begins a date belongs to the date before; a bare date is its own.
        return dial - (NS_PER_DAY if at_close and not moments.dates else 0)
    ends = end.after(moments.instants(clock, place), or_at=at_close)
    return (ends - 1) // NS_PER_DAY * NS_PER_DAY


def _check_spacing(dial: Stamps, timeframe: Timeframe) -> None:
    """Shorter bars would fall on one date, where they look like duplicates that a repair may drop."""
    spacing_ns = np.diff(np.unique(dial))
    if len(spacing_ns) and (usual_ns := float(np.median(spacing_ns))) < timeframe.ns / 2:
        raise DataTimeframe(
            "the bars are not of this timeframe", field="timestamp", timeframe=timeframe.value,
            found=f"stamps {usual_ns / NS_PER_SECOND:g} s apart", expected=timeframe.value,
        )  # fmt: skip


def _until_close(moments: Moments) -> int:
    """From a week's open to its stamp at the close: a bare date is its last day, an instant or a midnight its end."""
    return Timeframe.W1.ns - (NS_PER_DAY if moments.dates else 0)


def _mondays(opens: Stamps) -> Stamps:
    """The Monday of the week that holds most of the seven days from each open."""
    middle = (opens + Timeframe.W1.ns // 2) // NS_PER_DAY
    return (middle - (middle + 3) % 7) * NS_PER_DAY
