"""Nomenclatures by name: ``HS2017`` is a revision of the Harmonized System, ``CN2022`` stands on one."""

from __future__ import annotations

import re
from functools import lru_cache

HS_REVISIONS = (1992, 1996, 2002, 2007, 2012, 2017, 2022)
_NAME = re.compile(r"([A-Z]{2})(\d{4})").fullmatch


@lru_cache(maxsize=256)
def base_revision(nomenclature: str) -> str:
    """Return the Harmonized System revision that a nomenclature stands on.

    Parameters
    ----------
    nomenclature : str
        ``HS`` and a revision year, or two letters of a national nomenclature and its year (``CN2022``,
        ``CA2025``): its first six digits are those of the HS revision then in force.

    Returns
    -------
    str
        ``HS1992`` ... ``HS2022``.

    Raises
    ------
    ValueError
        If the name has another form, or its year lies before 1992 or is no HS revision.

    Examples
    --------
    >>> base_revision("CN2021"), base_revision("CN2022")
    ('HS2017', 'HS2022')
    """
    found = _NAME(nomenclature)
    if not found:
        raise ValueError(f"'{nomenclature}' is not a nomenclature such as HS2022 or CN2022")
    family, year = found[1], int(found[2])
    if family == "HS" and year not in HS_REVISIONS:
        raise ValueError(f"'{nomenclature}' is no revision of the Harmonized System")
    if year < HS_REVISIONS[0]:
        raise ValueError(f"'{nomenclature}' is older than the Harmonized System of 1992")
    return f"HS{max(revision for revision in HS_REVISIONS if revision <= year)}"


def family(nomenclature: str) -> str:
    """Return the two letters of a nomenclature: ``HS``, ``CN``, ``CA`` ..."""
    return nomenclature[:2]
