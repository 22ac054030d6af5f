"""Regression tables as text, HTML and LaTeX."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest

import entrepot as ep
from entrepot.errors import InputError
from entrepot.estimation import GravityFit


@pytest.fixture
def fits(panel: dict[str, Any], three_way: str) -> tuple[GravityFit, GravityFit, GravityFit]:
    data = {**panel, "big": panel["tariff"] * 1e9}
    return (
        ep.gravity(f"trade ~ rta | {three_way}", data),
        ep.gravity(f"trade ~ rta + tariff + abroad | {three_way}", data, unidentified="drop", vcov="hetero"),
        ep.gravity("trade ~ big | exporter^year + importer^year", data, vcov="exporter+importer"),
    )


def test_text(fits: tuple[GravityFit, ...]) -> None:
    text = fits[0].table(*fits[1:])
    lines = text.splitlines()
    heads = [line.split()[0] for line in lines if line[:1].strip()]
    assert heads == [
        "-" * len(lines[2]), "rta", "tariff", "abroad", "big", "-" * len(lines[2]),
        "exporter^year", "importer^year", "exporter^importer", "-" * len(lines[2]),
        "Observations", "Deviance", "Pseudo", "Covariance", "Clusters", "-" * len(lines[2]),
        "Poisson", "Dropped:",
    ]  # fmt: skip
    assert re.search(r"^exporter\^importer +yes +yes +no$", text, re.M)
    assert re.search(r"^Clusters +64 +- +8 \+ 8$", text, re.M)
    assert re.search(r"^abroad +dropped$", text, re.M)
    assert "Dropped: 'abroad' is absorbed by the fixed effects." in text
    coefficient, error = fits[0].coefficients[0], fits[0].standard_errors[0]
    assert f"{coefficient:.4f}***" in text
    assert f"({error:.4f})" in text
    assert f"{fits[2].coefficients[0]:.3e}" in text
    assert fits[0].summary == repr(fits[0]) == fits[0].table()
    assert all(len(line) == len(lines[2]) for line in lines if line.startswith("---"))


def test_html_is_well_formed_and_escaped(fits: tuple[GravityFit, ...]) -> None:
    page = fits[0].table(*fits[1:], format="html").replace("<br>", "<br/>")
    root = ElementTree.fromstring(page)
    rows = root.findall(".//tr")
    assert {len(row) for row in rows} == {4}
    assert "p &lt; 0.05" in page
    assert fits[0]._repr_html_() == fits[0].table(format="html")


def test_latex_has_the_same_cells_in_every_line(fits: tuple[GravityFit, ...]) -> None:
    text = fits[0].table(*fits[1:], format="latex")
    assert text.startswith("\\begin{tabular}{lrrr}\n\\toprule\n")
    assert text.endswith("\\end{tabular}\n")
    assert text.count("\\midrule") == 3
    body = [line for line in text.splitlines() if line.endswith("\\\\") and "multicolumn" not in line]
    assert {line.count("&") for line in body} == {3}
    assert "exporter\\textasciicircum{}year & yes & yes & yes \\\\" in text
    assert re.search(r"\$-?\d\.\d{3} \\times 10\^\{-\d+\}\^?", text)
    assert "^{***}$" in text
    assert text.count("{") == text.count("}")
    assert text.replace("\\$", "").count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[_%#]", text)


def test_other_formats_are_refused(fits: tuple[GravityFit, ...]) -> None:
    with pytest.raises(InputError, match=r"format cannot be 'pdf' \(hint: use one of: text, html, latex"):
        fits[0].table(format="pdf")


def test_the_table_says_what_is_special(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta | {three_way}", panel, convention="fixest")
    assert "Small-sample factor: fixest." in fit.table()
    corrected = ep.gravity(f"trade ~ rta | {three_way}", panel, correct=True)
    assert "pair, corrected" in corrected.table()
    bare = ep.gravity(f"trade ~ 1 | {three_way}", panel)
    assert "Observations" in bare.table()
