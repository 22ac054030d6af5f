from __future__ import annotations

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.world.products import (
    REVISIONS,
    chapter_name,
    chapters,
    codes,
    correlation,
    correlation_map,
    describe,
    exists,
    heading_name,
    resolve,
    resolve_revision,
    revisions_of,
    section_of,
    sections,
)


@pytest.mark.parametrize(
    ("code", "section"),
    [("010111", "I"), ("15", "III"), ("2709", "V"), ("38", "VI"), ("39", "VII"), ("7102", "XIV"),
     ("83", "XV"),
     ("84", "XVI"), ("93", "XIX"), ("97", "XXI")],
)  # fmt: skip
def test_section(code: str, section: str) -> None:
    assert section_of(code) == section


@pytest.mark.parametrize("code", ["99", "98", "00", "9", "", "xx"])
def test_no_section(code: str) -> None:
    with pytest.raises(InputError):
        section_of(code)


def test_sections_and_chapters_are_complete() -> None:
    assert len(sections()) == 21
    assert sorted(chapters()) == [f"{number:02d}" for number in range(1, 100)]
    assert {section_of(chapter) for chapter in chapters() if chapter < "98"} == set(sections())
    assert chapter_name("0301") == "Fish and seafood"


def test_counts_of_codes() -> None:
    assert {known: len(codes(known)) for known in REVISIONS} == {
        "HS1992": 5021, "HS1996": 5114, "HS2002": 5225, "HS2007": 5053,
        "HS2012": 5206, "HS2017": 5388, "HS2022": 5613,
    }  # fmt: skip


def test_revisions() -> None:
    assert resolve_revision("HS92") == "HS1992"
    with pytest.raises(InputError):
        resolve_revision("HS2020")


def test_codes_of_an_annex_that_are_no_codes_of_its_year() -> None:
    assert not exists("842910", "HS2022")
    assert revisions_of("842910") == ()
    assert revisions_of("441294")[-1] == revisions_of("441860")[-1] == "HS2017"
    assert not exists("271019", "HS1992")
    assert exists("27", "HS1992")
    assert not exists("77", "HS2022")
    assert exists("0301", "HS1992")
    assert not exists("301", "HS1992")


def test_a_code_can_change_its_meaning() -> None:
    assert "recorded" in describe("8524", "HS1996")
    assert "display" in heading_name("852499", "HS2022")
    assert heading_name("8524") == heading_name("8524", "HS2022")
    with pytest.raises(InputError, match="HS2022"):
        describe("854921", "HS1992")


@given(st.sampled_from(REVISIONS), st.data())
def test_every_code_is_described(revision: str, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(codes(revision)))
    text = describe(code, revision)
    assert text == text.strip()
    assert len(text) > 1
    assert not text.startswith("-")
    assert "--" not in text
    assert heading_name(code, revision)


@pytest.mark.parametrize(
    ("text", "code"),
    [("gold", "7108"), ("GOLD", "7108"), ("crude oil", "2709"), ("nickel ore", "2604"), ("0301", "0301"),
     ("03.01", "0301"), ("27", "27"), ("271121", "271121"), ("steel", "72"), ("Ships and boats", "89"),
     ("vodka", "2208"), ("caviar", "1604")],
)  # fmt: skip
def test_resolve(text: str, code: str) -> None:
    assert resolve(text) == code


def test_resolve_depends_on_the_revision() -> None:
    assert resolve("vodka", "HS2017") == "220860"
    with pytest.raises(InputError, match="HS2007, HS2012, HS2017"):
        resolve("441294", "HS2022")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("301", "'0301'"), ("10111", "'010111'"), ("7200", "'72'"), ("9700", "'97'"), ("842910", "'8429'"),
     ("27090010", "'270900'"), ("gould", "'gold'"), ("qqqq", "HS code")],
)  # fmt: skip
def test_resolve_hints(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(text)
    assert hint in (caught.value.hint or "")


def test_no_word_is_lost() -> None:
    words = (Path(__file__).parents[2] / "src/entrepot/world/data/product_words.csv").read_text(
        encoding="utf-8"
    )
    for row in csv.DictReader(words.splitlines()):
        assert exists(resolve(row["word"], "HS2022"), "HS2022")
        assert exists(resolve(row["word"], "HS1992"), "HS1992")
        assert revisions_of(row["code"])


@pytest.mark.parametrize("newer", range(1, 7))
def test_steps_cover_all_codes(newer: int) -> None:
    older = REVISIONS[newer - 1]
    links = correlation(older, REVISIONS[newer])
    lost = {"HS2022": {"300219"}}.get(REVISIONS[newer], set())
    assert set(codes(older)) - {link.source for link in links} == lost
    assert set(codes(REVISIONS[newer])) == {link.target for link in links}
    assert Counter(len(code) for link in links for code in link[:2]) == {6: 2 * len(links)}


@pytest.mark.parametrize(("a", "b"), [("HS1992", "HS2022"), ("HS2012", "HS2017"), ("HS2007", "HS2022")])
def test_correlation_is_the_same_both_ways(a: str, b: str) -> None:
    there, back = correlation(a, b), correlation(b, a)
    assert {(link.source, link.target, link.exact) for link in there} == {
        (link.target, link.source, link.exact) for link in back
    }


def test_correlation_to_itself_is_exact() -> None:
    assert all(link.exact and link.source == link.target for link in correlation("HS2017", "HS2017"))


def test_exact_means_one_to_one() -> None:
    links = correlation("HS1992", "HS2017")
    sources, targets = Counter(x.source for x in links), Counter(x.target for x in links)
    assert all(sources[x.source] == targets[x.target] == 1 for x in links if x.exact)
    assert 0.5 < sum(x.exact for x in links) / len(codes("HS1992")) < 1


def test_catch_all_codes_of_2022_do_not_smear() -> None:
    links = correlation_map("HS2022", "HS2017")
    assert max(len(targets) for targets in links.values()) <= 16
    assert links["854921"] == (("854890", False),)
    assert {target for target, _ in links["852411"]} == {"852990", "853120", "901380"}
    assert correlation_map("HS2017", "HS2022")["843210"] == (("843210", True),)
    assert correlation_map("HS2012", "HS2017")["854231"] == (("854231", False),)
    assert correlation_map("HS2007", "HS2012")["291636"] == (("291616", False),)


@pytest.mark.needs_shared
def test_steps_agree_with_the_source(shared: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(shared / "ref-hs" / "hs_concordance_steps.parquet").to_pylist()
    for older, newer in pairwise(REVISIONS[:5]):
        step = f"{newer[2:]} to {older[2:]}"
        source = {
            (r["code.before"], r["code.after"]): r["Relationship"] for r in rows if r["adjustment"] == step
        }
        ours = {(x.source, x.target): x.exact for x in correlation(older, newer)}
        assert set(ours) - set(source) <= {("999999", "999999"), ("291636", "291616")}
        assert set(source) <= set(ours)
        assert {pair for pair, kind in source.items() if kind == "1:1"} == {
            pair for pair, exact in ours.items() if exact and pair != ("999999", "999999")
        }


@pytest.mark.needs_shared
def test_every_product_of_the_data_is_described(shared: Path) -> None:
    import pyarrow.parquet as pq

    seen = (
        pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", columns=["hs6"]).column("hs6").unique()
    )
    assert all(describe(code, "HS1992") for code in seen.to_pylist())
