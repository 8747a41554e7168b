"""A list that is in no table: filtered, cut into pages, and looked at again while its rows come and go."""

from dataclasses import dataclass

import pytest

from app.web.lists import ChoiceFilter, SearchFilter, ShortList


@dataclass(frozen=True)
class Row:
    """A row: its id says what it is."""

    id: str
    kind: str


ROWS = [Row(f"row-{number}", "even" if number % 2 == 0 else "odd") for number in range(9, -1, -1)]


def short(rows: list[Row]) -> ShortList[Row]:
    return ShortList[Row](
        load=lambda _team_id: rows,
        filters=(
            SearchFilter(fits=lambda row, text: text in row.id),
            ChoiceFilter(field="kind", label="Kind", choices=(("even", "Even"), ("odd", "Odd"))),
        ),
    )


def ids(rows: list[Row] | tuple[Row, ...]) -> list[str]:
    return [row.id.removeprefix("row-") for row in rows]


def test_pages_follow_each_other_under_a_filter() -> None:
    listed, found, cursor = short(ROWS), [], None
    while True:
        page = listed.find("team", listed.select(kind="odd", cursor=cursor), size=2)
        found.append(ids(list(page.rows)))
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == [["9", "7"], ["5", "3"], ["1"]]


def test_filters_hold_together() -> None:
    listed = short(ROWS)

    assert ids(list(listed.export("team", listed.select(kind="odd", q="-3")))) == ["3"]
    assert ids(list(listed.find("team", listed.select(kind="even", q="-3")).rows)) == []


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ((), ["7", "6", "5"]),
        (("6",), ["7", "5"]),
        (("7",), ["11", "10", "9"]),
        (("5",), ["7", "6", "4"]),
    ],
)
def test_rows_that_were_shown_are_found_again(gone: tuple[str, ...], expected: list[str]) -> None:
    """Newer rows stay out, unless the row that they would stand before is gone."""
    rows = [Row("row-11", "odd"), Row("row-10", "even"), *ROWS]
    left = [row for row in rows if row.id.removeprefix("row-") not in gone]

    page = short(left).find("team", size=3, newest_id="row-7", oldest_id="row-5")

    assert ids(list(page.rows)) == expected


def test_nothing_follows_a_row_that_is_gone() -> None:
    listed = short(ROWS)

    assert not listed.find("team", listed.select(cursor="row-77")).rows


@pytest.mark.parametrize(
    ("shown", "newest_id", "is_newer"),
    [
        (["3", "2"], "2", True),
        (["3", "2"], "3", False),
        (["3", "2"], "9", False),
        (["3"], "", True),
        ([], "", False),
    ],
)
def test_newer_rows_are_those_before_the_newest(shown: list[str], newest_id: str, is_newer: bool) -> None:
    assert short([]).has_newer(shown, newest_id) is is_newer


@pytest.mark.parametrize("cursor", ["<b>", "a" * 65, "a b", "ä"])
def test_cursor_that_is_no_id_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="not the id of a row"):
        short(ROWS).page_query.model_validate({"cursor": cursor})
