"""Daily and weekly bars by the date of their session, so that date + 24 h is never before the true close."""

from __future__ import annotations

import numpy as np

from ktrdr._types import Stamps
from ktrdr.data.imports.clock import Clock, Place, SessionEnd
from ktrdr.data.imports.stamps import Moments, shown, whole_days
from ktrdr.errors import ArgumentInvalid, DataTimeframe
from ktrdr.time import NS_PER_DAY, NS_PER_HOUR, Timeframe


def bar_opens(
    moments: Moments,
    timeframe: Timeframe,
    clock: Clock | None,
    *,
    at_close: bool | None,
    end: SessionEnd | None,
    place: Place,
) -> Stamps:
    """Returns when each bar opened, ns UTC; of daily and weekly bars the session's date at 00:00 UTC.

    Stamps at midnight of ``clock``, or of the offset they carry, are dates. Others are instants: their bar belongs to
    the date of its session's last instant, so ``end`` is required, else ``DataTimeframe``. With ``at_close`` None
    stamps mark opens, but weekly ones on Tuesday to Friday are asked about.
    """
    if timeframe.intraday:
        if end is not None:
            raise ArgumentInvalid("only daily and weekly bars have one", where="session-end", found=timeframe.value)
        return moments.instants(clock, place) - (timeframe.ns if at_close else 0)
    dial = moments.dial(clock)
    if moments.utc is not None:
        dial = _from_first_instants(dial, moments.utc)
    _check_spacing(dial, timeframe)
    if end is None and not whole_days(dial):
        row = int(np.argmax(dial % NS_PER_DAY != 0))
        raise DataTimeframe(
            "the stamp is not at local midnight, so it is an instant and not a date",
            where=place(row),
            row=row,
            field="timestamp",
            timeframe=timeframe.value,
            found=shown(dial[row]),
            hint="a midnight of its zone needs --tz ZONE; the open of a session needs the session's end on its clock, "
            "--session-end 'HH:MM ZONE'",
        )
    if end is not None and moments.dates:
        raise ArgumentInvalid("the stamps are dates already", where="session-end", expected="stamps with a time of day")
    if timeframe is Timeframe.W1:
        stamps = dial if end is None else moments.instants(clock, place)
        ends = stamps + (NS_PER_DAY if moments.dates else 0) if at_close else stamps + Timeframe.W1.ns
        if at_close is None:
            _check_weekday(dial, place)
        return _mondays(ends, stamps)
    if end is None:
        # A bar that closes at the midnight that begins a date belongs to the date before; a bare date is its own.
        return dial - (NS_PER_DAY if at_close and not moments.dates else 0)
    ends = end.after(moments.instants(clock, place), or_at=bool(at_close))
    return (ends - 1) // NS_PER_DAY * NS_PER_DAY


def _from_first_instants(dial: Stamps, utc: Stamps) -> Stamps:
    """Returns the dial with midnight for the first instant of a date whose midnight the clock skips.

    A moment before, the clock had the offset of the stamp before.
    """
    offset = dial - utc
    before = np.concatenate([offset[:1], offset[:-1]])
    dates = dial // NS_PER_DAY * NS_PER_DAY
    return np.where(utc + before - 1 < dates, dates, dial)


def _check_spacing(dial: Stamps, timeframe: Timeframe) -> None:
    """Shorter bars would fall on one date, where they look like duplicates that a repair may drop."""
    spacing_ns = np.diff(np.unique(dial))
    if len(spacing_ns) and (usual_ns := float(np.median(spacing_ns))) < timeframe.ns / 2:
        raise DataTimeframe(
            "the bars are not of this timeframe",
            field="timestamp",
            timeframe=timeframe.value,
            found=f"stamps {usual_ns / NS_PER_HOUR:g} h apart",
            expected=timeframe.value,
        )


def _check_weekday(dial: Stamps, place: Place) -> None:
    """Refuses weeks stamped on Tuesday to Friday: they may begin there, or be dated by their last day."""
    weekdays = (dial // NS_PER_DAY + 3) % 7
    usual = int(np.bincount(weekdays, minlength=7).argmax())
    if 1 <= usual <= 4:
        row = int(np.argmax(weekdays == usual))
        day = ("Tuesday", "Wednesday", "Thursday", "Friday")[usual - 1]
        raise DataTimeframe(
            f"a week stamped on a {day} may end or begin on that day",
            where=place(row),
            row=row,
            field="timestamp",
            timeframe=Timeframe.W1.value,
            found=shown(dial[row]),
            hint="--stamps close if it ends there, --stamps open if it begins there",
        )


def _mondays(ends: Stamps, stamps: Stamps) -> Stamps:
    """Returns the Monday a week before the first Monday at or after the bar's end, so that no bar is known early.

    A week stamped by another day than most, as where its first or last day is a holiday, ends when they do.
    """
    weekdays = (stamps // NS_PER_DAY + 3) % 7
    usual = int(np.bincount(weekdays, minlength=7).argmax())
    after = (weekdays - usual) % 7
    # A first day after a holiday comes later than most, a last day before one earlier: both belong to that week.
    late = np.where(after <= 3, after, 0)
    days = -((late * NS_PER_DAY - ends) // NS_PER_DAY)  # the end of the week, in whole days, rounded up
    return (days + (-(days + 3)) % 7) * NS_PER_DAY - Timeframe.W1.ns
