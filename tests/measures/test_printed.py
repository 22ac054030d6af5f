"""Printed codes: every way in which laws were found to print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.measures import PrintedCode, read_printed, read_threshold


@pytest.mark.parametrize(
    ("printed", "prefix"),
    [
        ("301", "0301"),  # lost leading zero
        ("7200", "72"),  # chapters printed as headings
        ("9700", "97"),
        ("72", "72"),
        ("7", "07"),
        ("6101 00 00", "6101"),  # padded to eight digits
        ("6101\u00a000\u00a000", "6101"),
        ("8112.92.21", "81129221"),
        ("2804.50", "280450"),
        ("HS code 2709", "2709"),
        ("100", "01"),
        ("7005 10", "700510"),
    ],
)
def test_one_code(printed: str, prefix: str) -> None:
    assert read_printed(printed) == (PrintedCode(prefix, "include", partial=False),)


def test_glued_items_are_cut_apart() -> None:
    codes = read_printed("2710 12 90 112710 12 90 142710 19 99 99")
    assert [code.prefix for code in codes] == ["2710129011", "2710129014", "2710199999"]


@pytest.mark.parametrize(
    "printed", ["2710 12 90 11 2710 12", "2710129011 7208000000 12", "27101290117208000000"]
)
def test_glued_items_are_not_guessed(printed: str) -> None:
    with pytest.raises(InputError, match="no customs code"):
        read_printed(printed)


@pytest.mark.parametrize("printed", ["ex 8802", "ex8802", "EX 8802 00", "ex. 8802", "Subset of 88.02"])
def test_ex_is_partial(printed: str) -> None:
    assert read_printed(printed) == (PrintedCode("8802", "include", partial=True),)


def test_except_for_codes() -> None:
    assert read_printed("28 (except for CN codes 2825 20 00, 2825 30 00)") == (
        PrintedCode("28", "include", partial=False),
        PrintedCode("282520", "exclude", partial=False),
        PrintedCode("282530", "exclude", partial=False),
    )


def test_except_in_words_is_partial() -> None:
    printed = "2710, except for goods described in the codes set out in item 2, column 2"
    assert read_printed(printed) == (PrintedCode("2710", "include", partial=True),)


def test_several_codes() -> None:
    assert [code.prefix for code in read_printed("HS codes 84 and 85; ex 8802")] == ["84", "85", "8802"]
    assert [code.partial for code in read_printed("84, ex 8802")] == [False, True]


@pytest.mark.parametrize("printed", ["", "vessels", "00", "ex", "8429-10"])
def test_no_code(printed: str) -> None:
    with pytest.raises(InputError, match="no customs code") as caught:
        read_printed(printed)
    assert caught.value.hint


@given(st.from_regex(r"(0[1-9]|[1-9]\d)(\d[1-9]){0,3}", fullmatch=True))
def test_reading_a_prefix_again_changes_nothing(prefix: str) -> None:
    assert [code.prefix for code in read_printed(prefix)] == [prefix]
    spaced = " ".join(prefix[i : i + 2] for i in range(0, len(prefix), 2))
    assert [code.prefix for code in read_printed(spaced)] == [prefix]
    if len(prefix) <= 8:
        assert [code.prefix for code in read_printed(prefix + "00")] == [prefix]


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Electronic items for domestic use of a value exceeding EUR 750", ((750.0, "EUR"),)),
        ("AV apparatus >EUR 1000", ((1000.0, "EUR"),)),
        ("Vehicles >EUR 50 000 (motorbikes >EUR 5.000)", ((50000.0, "EUR"), (5000.0, "EUR"))),
        ("over 1,500 CAD per item", ((1500.0, "CAD"),)),
        ("Horses", ()),
    ],
)
def test_thresholds_in_titles(title: str, found: tuple[tuple[float, str], ...]) -> None:
    assert read_threshold(title) == found
