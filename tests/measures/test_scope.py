"""The scope join on real law and on small made-up law, against a slow reading of the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.measures import Catalogue, load_catalogue
from entrepot.measures.schema import Evidence, ExceptionRow, Instrument, Measure, Party, ScopeRow
from entrepot.measures.scope import FULL, NONE, PARTIAL, covered, match

DAY = date(2022, 12, 4)
START = date(2020, 1, 1)
INSTRUMENT = Instrument("i", "EU", "t", "r", "", START, date(2030, 1, 1), "p", "l", "")
MEASURE = Measure(
    "m", "i", "", "", "", "export", "ban", (), START, None, None, None, "exact", None, "t", "", START, None
)


def row(prefix: str, op: str = "include", *, nomenclature: str = "HS2022", **cells: object) -> ScopeRow:
    blank = ScopeRow(
        "m",
        nomenclature,
        prefix,
        op,
        False,
        None,
        "",
        None,
        "",
        None,
        None,
        None,
        "",
        None,
        prefix,
        "",
        START,
        None,
    )
    return blank._replace(**cells)


def law_of(
    *scope: ScopeRow,
    measures: Sequence[Measure] = (MEASURE,),
    exceptions: Sequence[ExceptionRow] = (),
    exempt: Sequence[Party] = (),
) -> Catalogue:
    parties = [
        Party(m.measure_id, role, who, None, None)
        for m in measures
        for role, who in (("sender", "EU"), ("target", "RUS"))
    ]
    evidence: tuple[Evidence, ...] = ()
    return Catalogue((INSTRUMENT,), tuple(measures), (*parties, *exempt), scope, tuple(exceptions), evidence)


def status(law: Catalogue, *codes: str, nomenclature: str = "HS2022", at: date = DAY) -> list[int]:
    return match(law, codes, nomenclature, at=at).known[:, 0].tolist()


def bounds(
    law: Catalogue, codes: Sequence[str], members: Sequence[str], since: date, until: date
) -> tuple[list[float], list[float]]:
    lower, upper = covered(
        law, codes, "HS2022", sender="EU", members=members, measures=law.measures, since=since, until=until
    )
    return lower.ravel().tolist(), upper.ravel().tolist()


def test_the_most_specific_row_wins() -> None:
    law = law_of(row("84"), row("8471", "exclude"), row("847130"))
    assert status(law, "841100", "847130", "847141", "850100") == [FULL, FULL, NONE, NONE]


def test_exclusion_beats_inclusion_of_equal_length() -> None:
    assert status(law_of(row("8471"), row("8471", "exclude")), "847130") == [NONE]


def test_rows_finer_than_the_code() -> None:
    assert status(law_of(row("84713000", nomenclature="CN2022")), "847130") == [PARTIAL]
    assert status(law_of(row("8471"), row("84713000", "exclude", nomenclature="CN2022")), "847130") == [FULL]
    cn = {"nomenclature": "CN2022"}
    law = law_of(row("8471", **cn), row("84713000", "exclude", **cn))
    assert status(law, "847130", "847141") == [PARTIAL, FULL]
    assert status(law, "84713000", "84714100", nomenclature="CN2022") == [NONE, FULL]
    assert status(law_of(row("8471", **cn), row("84713000", **cn)), "847130") == [FULL]


def test_ex_and_thresholds_are_partial() -> None:
    law = law_of(row("8471", partial=True), row("8517", threshold_value=750.0), row("8525"))
    assert status(law, "847130", "851713", "852589") == [PARTIAL, PARTIAL, FULL]


def test_national_items_do_not_match_another_nations_items() -> None:
    law = law_of(row("2710129011", nomenclature="CA2022"))
    assert status(law, "27101290", nomenclature="CN2022") == [PARTIAL]
    assert status(law, "2710129011", "2710129099", nomenclature="CA2022") == [FULL, NONE]
    assert status(law, "271012", "271019") == [PARTIAL, NONE]
    niobium = law_of(row("81129221", nomenclature="CA2022"))
    assert status(niobium, "81129221", "81129231", nomenclature="CN2022") == [PARTIAL, PARTIAL]
    assert status(niobium, "81129221", "81129231", nomenclature="CA2022") == [FULL, NONE]


def test_codes_that_are_not_digits_match_nothing() -> None:
    assert status(law_of(row("99"), row("9999")), "9999AA", "99SSS9", "999999") == [NONE, NONE, FULL]


def test_coarse_codes() -> None:
    assert status(law_of(row("8471")), "84", "8471", "8472") == [PARTIAL, FULL, NONE]


def test_a_printed_code_that_is_no_code() -> None:
    law = load_catalogue()
    found = match(
        law,
        ["842911", "842919", "842920"],
        "HS2022",
        at=date(2022, 7, 1),
        measures=[law.measure["ca-by-sch5"]],
    )
    assert found.possible[:, 0].tolist() == [PARTIAL, PARTIAL, NONE]
    assert found.known[:, 0].tolist() == [PARTIAL, PARTIAL, NONE]


def test_old_codes_in_a_new_annex() -> None:
    law = load_catalogue()
    annex = [law.measure["eu-ru-833-XXIII"]]
    old = match(law, ["441294", "441860"], "HS2017", at=DAY, measures=annex)
    assert old.known[:, 0].tolist() == [FULL, FULL]
    # HS2022 split 441294 into 441251, 441252 and 441259, which hold other goods too.
    new = match(law, ["441251", "441252", "441259"], "HS2022", at=DAY, measures=annex)
    assert (new.possible[:, 0] >= PARTIAL).all()


def test_one_to_many_is_full_only_if_all_successors_are() -> None:
    # 441294 of HS2017 has three successors in HS2022.
    some = law_of(row("441251"))
    every = law_of(row("441251"), row("441252"), row("441259"))
    assert status(some, "441294", nomenclature="HS2017") == [PARTIAL]
    assert status(every, "441294", nomenclature="HS2017") == [FULL]
    assert status(law_of(row("4412")), "441294", nomenclature="HS2017") == [FULL]


def test_chapters_printed_as_headings_cover_the_chapter() -> None:
    law = load_catalogue()
    art = [
        m
        for m in law.select("RUS", "EU")
        if any(law.scope[p].as_printed.startswith("9700") for p in law.scope_of[m.measure_id])
    ]
    assert art
    assert (match(law, ["970121"], "HS2022", at=DAY, measures=art).possible == PARTIAL).all()


def test_one_code_on_several_annexes_counts_once() -> None:
    law = load_catalogue()
    held = match(law, ["710812"], "HS2022", at=DAY, measures=law.select("RUS", "EU", ("ban",)))
    assert (held.possible > NONE).sum() >= 1
    lists: dict[str, set[str]] = {}
    for item in law.scope:
        lists.setdefault(item.prefix, set()).add(item.measure_id)
    shared_code = next(
        c for c, ids in lists.items() if len(c) == 6 and len({i for i in ids if i.startswith("eu-ru")}) > 1
    )
    twice = [law.measure[i] for i in sorted(lists[shared_code]) if i.startswith("eu-ru")]
    lower, upper = covered(
        law,
        [shared_code],
        "CN2022",
        sender="EU",
        members=["DEU"],
        measures=twice,
        since=DAY,
        until=date(2022, 12, 5),
    )
    assert lower[0, 0] <= upper[0, 0] == 1.0


def test_except_for_codes_of_the_annex() -> None:
    law = load_catalogue()
    found = match(
        law, ["282520", "282530", "282510"], "HS2022", at=DAY, measures=[law.measure["eu-ru-833-XXI-A"]]
    )
    assert found.possible[:2, 0].tolist() == [NONE, NONE]
    assert found.possible[2, 0] == FULL


@pytest.mark.needs_shared
@pytest.mark.parametrize(("annex", "lower", "upper"), [("XXIII", 9.2, 9.2), ("XVIII", 0.0, 20.0)])
def test_eu_exports_to_russia_in_2021(shared: Path, annex: str, lower: float, upper: float) -> None:
    flows = pq.read_table(
        shared / "trade-eu-sanctioned-cn8" / "exports_cn8_monthly.parquet", filters=[("partner", "=", "RUS")]
    )
    flows = flows.filter(pc.equal(pc.year(flows["month"]), 2021)).group_by("code").aggregate([("eur", "sum")])
    law = load_catalogue()
    measures = [m for m in law.select("RUS", "EU") if m.annex == annex]
    found = match(law, flows["code"].to_pylist(), "CN2022", at=DAY, measures=measures)
    euros = flows["eur_sum"].to_numpy() / 1e9
    assert euros[(found.known == FULL).any(axis=1)].sum() == pytest.approx(lower, abs=0.05)
    assert euros[(found.possible >= PARTIAL).any(axis=1)].sum() == pytest.approx(upper, abs=0.05)


def test_years_weigh_by_the_share_in_force() -> None:
    law = law_of(row("8471", valid_from=date(2022, 7, 2), date_precision="exact"))
    lower, upper = bounds(law, ["847130"], ["DEU"], date(2022, 1, 1), date(2023, 1, 1))
    assert lower == upper == [pytest.approx(183 / 365)]


def test_measures_that_follow_each_other_add_up() -> None:
    other = MEASURE._replace(measure_id="n")
    first = row("8471", valid_from=date(2022, 1, 1), valid_to=date(2022, 7, 2), date_precision="exact")
    then = row("8471", valid_from=date(2022, 7, 2), date_precision="exact")._replace(measure_id="n")
    law = law_of(first, then, measures=(MEASURE, other))
    assert bounds(law, ["847130"], ["DEU"], date(2022, 1, 1), date(2023, 1, 1))[0] == [pytest.approx(1.0)]


def test_doubt_about_dates_widens_the_bounds() -> None:
    seen = {"date_precision": "observed", "observed_on": date(2030, 1, 1)}
    law = law_of(row("8471", **seen))
    assert bounds(law, ["847130"], ["DEU"], DAY, date(2022, 12, 5)) == ([0.0], [1.0])
    doubtful = law_of(row("8471"), row("847130", "exclude", **seen))
    assert bounds(doubtful, ["847130"], ["DEU"], DAY, date(2022, 12, 5)) == ([0.0], [1.0])


def test_a_wind_down_is_partial() -> None:
    law = law_of(row("8471"), measures=(MEASURE._replace(wind_down_to=date(2022, 12, 5)),))
    assert bounds(law, ["847130"], ["DEU"], DAY, date(2022, 12, 5)) == ([0.0], [1.0])
    assert bounds(law, ["847130"], ["DEU"], date(2022, 12, 5), date(2022, 12, 6)) == ([1.0], [1.0])


@pytest.mark.parametrize(
    ("prefix", "effect", "expected"),
    [
        ("847130", "partial", ([0.0, 1.0], [1.0, 1.0])),
        ("847130", "none", ([0.0, 1.0], [0.0, 1.0])),
        ("84713000", "none", ([0.0, 1.0], [1.0, 1.0])),
        ("", "none", ([0.0, 0.0], [0.0, 0.0])),
    ],
)
def test_exceptions(prefix: str, effect: str, expected: tuple[list[float], list[float]]) -> None:
    left_out = ExceptionRow(
        "m", "exemption", "", "CN2022" if prefix else "", prefix, effect, None, None, "words"
    )
    law = law_of(row("8471"), exceptions=(left_out,))
    assert bounds(law, ["847130", "847141"], ["DEU"], DAY, date(2022, 12, 5)) == expected


def test_exempt_parties_and_exceptions_of_one_country() -> None:
    until = date(2022, 12, 10)
    law = law_of(row("8471"), exempt=(Party("m", "exempt", "BGR", None, until),))
    assert bounds(law, ["847130"], ["BGR", "DEU"], DAY, date(2022, 12, 5))[1] == [0.0, 1.0]
    assert bounds(law, ["847130"], ["BGR"], DAY, date(2022, 12, 16))[1] == [pytest.approx(0.5)]
    special = ExceptionRow("m", "exemption", "HUN", "", "", "partial", None, None, "words")
    law = law_of(row("8471"), exceptions=(special,))
    assert bounds(law, ["847130"], ["DEU", "HUN"], DAY, date(2022, 12, 5)) == ([1.0, 0.0], [1.0, 1.0])


def test_another_senders_measures_do_not_bind() -> None:
    law = law_of(row("8471"))
    lower, upper = covered(
        law,
        ["847130"],
        "HS2022",
        sender="CAN",
        members=["CAN"],
        measures=law.measures,
        since=DAY,
        until=date(2022, 12, 5),
    )
    assert lower.sum() == upper.sum() == 0


PREFIX = st.lists(st.sampled_from(["11", "12", "21"]), min_size=1, max_size=5).map("".join)
ROWS = st.lists(st.tuples(PREFIX, st.booleans(), st.booleans()), max_size=12)


def slowly(code: str, rows: list[tuple[str, bool, bool]]) -> int:
    """Apply the rules one row at a time."""
    best, rank = NONE, -1
    for prefix, exclude, partial in rows:
        if code.startswith(prefix):
            mine = 4 * len(prefix) + (3 if exclude else 1 if partial else 2)
            if mine > rank:
                best, rank = (NONE if exclude else PARTIAL if partial else FULL), mine
    finer = [
        (exclude, partial) for prefix, exclude, partial in rows if prefix.startswith(code) and prefix != code
    ]
    if best == NONE and any(not exclude for exclude, _ in finer):
        return PARTIAL
    return PARTIAL if best == FULL and any(exclude or partial for exclude, partial in finer) else best


@settings(max_examples=60, deadline=None)
@given(ROWS, st.lists(PREFIX, min_size=1, max_size=8, unique=True))
def test_the_join_agrees_with_a_slow_reading(rows: list[tuple[str, bool, bool]], codes: list[str]) -> None:
    scope = [row(p, "exclude" if e else "include", nomenclature="CN2022", partial=q) for p, e, q in rows]
    found = match(law_of(*scope), codes, "CN2022", at=DAY)
    assert found.known[:, 0].tolist() == [slowly(code, rows) for code in codes]
    assert np.array_equal(found.known, found.possible)
