"""Dates in any order and with names: told by the file where it can be, asked for otherwise, never guessed wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrdr.data.imports.stamps import join_parts, read_moments
from ktrdr.errors import DataParse, KtrdrError
from ktrdr.time import iso


def shown(cells: list[str] | pl.Series, dates: str | None = None) -> list[str]:
    return [iso(int(stamp))[:16] for stamp in read_moments(pl.Series(cells), str, dates).local]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("29-07-2019", "2019-07-29T00:00"),
        ("07/29/2019", "2019-07-29T00:00"),
        ("7/29/19", "2019-07-29T00:00"),
        ("3-Jan-22", "2022-01-03T00:00"),
        ("03-JAN-2022 16:00:00", "2022-01-03T16:00"),
        ("May 29, 2020", "2020-05-29T00:00"),
        ("Friday, May 29, 2020", "2020-05-29T00:00"),
        ("29 May 2020 4:30 PM", "2020-05-29T16:30"),
        ("Sept 3rd, 2020", "2020-09-03T00:00"),
        ("2020-Sep-03", "2020-09-03T00:00"),
        ("2020-07-21 12-AM", "2020-07-21T00:00"),
        ("2020-07-21 11-PM", "2020-07-21T23:00"),
        ("07/29/2019 12:05:00 AM", "2019-07-29T00:05"),
        ("07/29/2019 12:05 p.m.", "2019-07-29T12:05"),
        ("29.07.2019 00:15:00.000", "2019-07-29T00:15"),
        ("2019.07.29 9:15", "2019-07-29T09:15"),
        ("20190729", "2019-07-29T00:00"),
        ("20190729 091500", "2019-07-29T09:15"),
        ("20190729 09:15", "2019-07-29T09:15"),
        ("09:15 29/07/2019", "2019-07-29T09:15"),
        ("2019/7/9 9:15", "2019-07-09T09:15"),
        ("2019-29-07", "2019-07-29T00:00"),
        ("29-07-2219", "2219-07-29T00:00"),
    ],
)
def test_a_cell_that_can_be_read_in_one_way_only(cell: str, expected: str) -> None:
    assert shown([cell]) == [expected]


def test_another_row_tells_the_order() -> None:
    assert shown(["06/05/2019", "13/05/2019"]) == ["2019-05-06T00:00", "2019-05-13T00:00"]
    assert shown(["06/05/2019", "06/13/2019"]) == ["2019-06-05T00:00", "2019-06-13T00:00"]


def test_what_no_row_tells_is_asked_for() -> None:
    for cells in (["06/05/2019"], ["06/05/2019", "07/05/2019"], ["06/05/19"]):
        with pytest.raises(DataParse, match="--dates DMY, or --dates MDY"):
            shown(cells)
    assert shown(["06/05/2019"], "MDY") == ["2019-06-05T00:00"]
    assert shown(["06/05/2019"], "DMY") == ["2019-05-06T00:00"]
    assert shown(["06/05/2019 16:00"], "%m/%d/%Y %H:%M") == ["2019-06-05T16:00"]
    assert shown(["06.05.19"], "%d.%m.%y") == ["2019-05-06T00:00"]
    assert shown(["06.05.2019"]) == ["2019-05-06T00:00"]  # points are European


@pytest.mark.parametrize(
    "cells",
    [
        ["31/02/2019"],
        ["2019-02-30"],
        ["13/13/2019"],
        ["01/02/2019", "2019-01-03"],
        ["29 Foo 2019"],
        ["07/29/2019 13:05 PM"],
        ["07/29/2019 24:05"],
        ["07/29/2019 10:65"],
        ["soon"],
        ["20190732"],
    ],
)
def test_what_is_no_date_is_refused(cells: list[str]) -> None:
    with pytest.raises(DataParse):
        shown(cells)


def test_an_order_that_is_none_is_refused() -> None:
    with pytest.raises(KtrdrError, match="no stamp"):
        shown(["06/05/2019"], "%Y-%m-%d")


FORMATS = {
    "DMY": ["%d/%m/%Y", "%d-%m-%Y %H:%M", "%d.%m.%y", "%d/%m/%y %I:%M %p"],
    "MDY": ["%m/%d/%Y", "%m-%d-%Y %H:%M:%S", "%m/%d/%y %I:%M:%S %p"],
    "YMD": ["%Y-%m-%d", "%Y/%m/%d %H:%M", "%y-%m-%d"],
}


@given(
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=8),
    st.sampled_from([(order, form) for order, forms in FORMATS.items() for form in forms]),
)
def test_written_and_read_it_is_the_same_or_asked_for(moments: list[datetime], kind: tuple[str, str]) -> None:
    """With the order said it is always the same; without, the same or a question - points are said to be European."""
    order, form = kind
    cells = [moment.strftime(form) for moment in moments]
    expected = [datetime.strptime(cell, form).strftime("%Y-%m-%dT%H:%M") for cell in cells]
    assert shown(cells, order) == expected
    try:
        found = shown(cells)
    except DataParse as error:
        assert "--dates" in str(error)
    else:
        assert found == expected or (order == "YMD" and "%y" in form)


def test_two_digit_years_first_are_asked_for_unless_nothing_else_fits() -> None:
    assert shown(["99-12-31"]) == ["1999-12-31T00:00"]
    with pytest.raises(DataParse, match="--dates"):
        shown(["10-12-11"])


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["100", "0930", "1600"], ["01:00", "09:30", "16:00"]),
        (["0", "100", "93000"], ["00:00", "00:01", "09:30"]),
        (["000500", "010000"], ["00:05", "01:00"]),
        (["9:30", "16:00"], ["09:30", "16:00"]),
    ],
)
def test_times_that_are_whole_numbers(times: list[str], expected: list[str]) -> None:
    joined = join_parts(pl.Series(["20240102"] * len(times)), pl.Series(times))
    assert [cell[11:16] for cell in shown(joined.to_list())] == expected


def test_a_file_of_every_minute_is_read_whole() -> None:
    begin = datetime(2024, 2, 28, 23, 0)
    moments = [begin + timedelta(minutes=17 * step) for step in range(3_000)]
    cells = [moment.strftime("%b %d, %Y %I:%M %p") for moment in moments]
    assert shown(cells) == [moment.strftime("%Y-%m-%dT%H:%M") for moment in moments]


NAMED = {
    "German": ("2. M\u00e4rz 2023", "14. Dez. 2023"),
    "French": ("2 mars 2023", "14 d\u00e9c. 2023"),
    "Spanish": ("2 marzo 2023", "14 diciembre 2023"),
    "basic": ("20230302T000000Z", "20231214T000000Z"),
}


@pytest.mark.parametrize(("first", "last"), NAMED.values(), ids=NAMED)
def test_names_of_months_in_other_languages(first: str, last: str) -> None:
    assert shown([first, last]) == ["2023-03-02T00:00", "2023-12-14T00:00"]


def test_june_and_july_in_french() -> None:
    assert shown(["2 juin 2023", "2 juil. 2023", "2 juillet 2023"]) == [
        f"2023-{month}-02T00:00" for month in ("06", "07", "07")
    ]


def test_dates_a_year_apart_keep_the_question_of_day_and_month() -> None:
    with pytest.raises(DataParse, match="--dates"):
        shown(["01/01/1999", "01/01/2000", "01/02/2001"])


def test_a_day_is_not_read_as_a_year() -> None:
    assert shown(["20/03/23 10:00", "21/03/23 10:00", "22/03/23 10:00"])[0] == "2023-03-20T10:00"


def test_hours_and_the_times_of_sheets_join_their_dates() -> None:
    date = pl.Series(["2023-03-20"] * 3)
    assert read_moments(join_parts(date, pl.Series(["0", "9", "23"])), str).local.tolist() == [
        stamp * 10**9 for stamp in (1_679_270_400, 1_679_302_800, 1_679_353_200)
    ]
    sheet = join_parts(pl.Series(["45005"] * 2), pl.Series(["0.0", "0.041666666666666664"]))
    assert shown(sheet) == ["2023-03-20T00:00", "2023-03-20T01:00"]
