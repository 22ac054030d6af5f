"""Windows of ``diversion``: what is compared, how far back placebos go, and which years are read at all."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.questions.diversion_case import PLACEBO_YEARS, periods
from entrepot.questions.diversion_read import Calendar

YEARS = Calendar(1997, 2024, False, 28)
MONTHS = Calendar(2004, 2024, True, 12 * 21)


def test_years_have_at_most_ten_placebo_windows_the_latest() -> None:
    cut = periods(YEARS, date(2022, 2, 23), (2019, 2020, 2021))
    assert [period.label for period in cut] == ["2022", "2023", "2024"]
    for period in cut:
        assert len(period.placebos) == PLACEBO_YEARS
        ends = [YEARS.year(int(window.post[0])) for window in period.placebos]
        assert max(ends) == 2021
        assert ends == sorted(ends)


def test_months_go_back_by_whole_years_and_by_as_little_and_as_much_as_the_limit_lets() -> None:
    cut = periods(MONTHS, date(2022, 2, 23), (2021,))
    first = cut[0]
    steps = sorted(int(first.window.post[0] - window.post[0]) for window in first.placebos)
    least = int(first.window.post[-1]) - MONTHS.at(2022, 2) + 1
    assert (steps[0], steps[-1]) == (least, least - 1 + 12 * PLACEBO_YEARS)
    assert {step % 12 for step in steps[1:-1]} == {0}


@pytest.mark.parametrize("span", [YEARS, MONTHS])
def test_a_shorter_calendar_compares_the_same_windows(span: Calendar) -> None:
    cut = periods(span, date(2022, 2, 23), (2021,))
    shorter = span.since(min(period.begins for period in cut))
    assert span.first < shorter.first
    assert shorter.last == span.last
    again = periods(shorter, date(2022, 2, 23), (2021,))

    def labels(calendar: Calendar, window: dd.Window) -> list[str]:
        return [calendar.label(int(p)) for p in np.append(window.pre.ravel(), window.post)]

    for old, new in zip(cut, again, strict=True):
        assert old.label == new.label
        assert [labels(span, w) for w in old.placebos] == [labels(shorter, w) for w in new.placebos]
        assert labels(span, old.window) == labels(shorter, new.window)
