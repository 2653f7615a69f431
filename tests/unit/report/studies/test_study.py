"""Sections as parts of a page: numbers stand right, and a part with nothing to show is left out."""

from __future__ import annotations

from ktrdr.operations.kind import Section
from ktrdr.report.studies.study import part_of, parts_of, study_page
from support.report_page import Page


def test_a_column_of_numbers_is_on_the_right() -> None:
    rows = (("1", "2024-01-02", "0.5 of it"), ("12", "2024-02-03", "-3.1 %"))
    table = part_of(Section("folds", None, headings=("fold", "from", "share"), rows=rows)).table
    assert table is not None
    assert [cell.kind for cell in table.headings] == ["number", "number", ""]


def test_data_for_programs_alone_is_no_part() -> None:
    assert parts_of([Section("verdict", "weak"), Section("", None, lines=("next: try",))])[0].lines == ("next: try",)


def test_a_page_has_no_script_that_runs() -> None:
    page = Page(study_page("a_title", "words", ["<script>x</script>"], []))
    assert page.root.all("script") == []
    assert page.root.all("li")[0].text == "<script>x</script>"
