"""The catalogue names its sources and cites them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from entrepot.errors import InputError
from entrepot.sources import bibtex, known, source
from entrepot.store import open_store


def test_ids_are_unique_and_can_be_looked_up() -> None:
    assert len(set(known())) == len(known())
    for id in known():
        entry = source(id)
        assert entry.id == id
        assert entry.licence
        assert entry.url.startswith("https://")


def test_an_unknown_source_is_guessed_at() -> None:
    with pytest.raises(InputError, match=r"unknown source 'cepi_baci'.*did you mean 'cepii_baci'"):
        source("cepi_baci")


def test_the_pack_rests_on_the_catalogue() -> None:
    for used in open_store().sources():
        assert replace(used, sha256="") == source(used.id)


def test_bibtex_of_every_source_is_balanced_and_states_the_licence() -> None:
    for id in known():
        text = bibtex(replace(source(id), sha256="ab" * 32))
        assert text.startswith(f"@misc{{{id},\n")
        assert text.count("{") == text.count("}")
        assert "Licence: " + source(id).licence in text
        assert "ab" * 32 in text
        assert f"year = {{{source(id).year}}}" in text


def test_bibtex_escapes_what_tex_would_read() -> None:
    odd = replace(source("cepii_baci"), title="100 % of {A} & B_c #1 ~x^2 \\end", doi="10.1/a_b", version="")
    text = bibtex(odd)
    assert (
        r"title = {{100 \% of \{A\} \& B\_c \#1 \textasciitilde{}x\textasciicircum{}2 \textbackslash{}end}}"
        in text
    )
    assert "doi = {10.1/a_b}" in text
    assert "Version" not in text
