"""Small archives in BACI's own layout."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

HEADER = "t,i,j,k,v,q"
# Belarus to Russia and Kazakhstan, Russia to Germany; a mass that is not known.
ROWS = ("2020,112,643,010111,1.5,2", "2020,112,398,010111,2.5,NA", "2020,643,276,270900,9.25,1.125")


def text(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return end.join((header, *rows, ""))


def archive(years: Mapping[int, str | bytes], revision: str = "HS92", release: str = "202601") -> bytes:
    """Return a zip with one CSV a year and the two lists that come with it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for year, content in years.items():
            packed.writestr(f"BACI_{revision}_Y{year}_V{release}.csv", content)
        packed.writestr(f"country_codes_V{release}.csv", "country_code,country_name\n112,Belarus\n")
        packed.writestr("Readme.txt", "BACI")
    return out.getvalue()
