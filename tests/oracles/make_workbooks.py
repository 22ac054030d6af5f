"""Write dist_cepii.xls and hs_2012_2007.xls: workbooks of the old kind in the layouts of their publishers.

Needs xlwt 1.3.0, which is no dependency, and CEPII's GeoDist as Parquet (columns of dist_cepii).
    python tests/oracles/make_workbooks.py path/to/dist_cepii.parquet
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xlwt

HERE = Path(__file__).parent
COUNTRIES = ["BLR", "ROM", "ZAR", "YUG"]
LINKS = [
    ("0101.21", "0101.10", "1:1"),
    ("0101.29", "0101.90", "1:n"),
    ("0101.30", "0101.90", "n:n"),
    ("", "", ""),
]


def geodist(source: Path) -> None:
    """Write the pairs of four countries, three of them under codes that ISO gave up."""
    table = pq.read_table(source)
    kept = pc.and_(*(pc.is_in(table[side], value_set=pa.array(COUNTRIES)) for side in ("iso_o", "iso_d")))
    rows = table.filter(kept).to_pylist()
    book = xlwt.Workbook()
    sheet = book.add_sheet("dist_cepii")
    for column, name in enumerate(table.column_names):
        sheet.write(0, column, name)
        for line, row in enumerate(rows, 1):
            sheet.write(line, column, row[name])
    book.save(str(HERE / "dist_cepii.xls"))


def correlation() -> None:
    """Write a workbook of two revisions as UN Statistics Division did until 2012: dots in the codes."""
    book = xlwt.Workbook()
    conversions = book.add_sheet("Conversion Tables")
    links = book.add_sheet("Correlation Tables")
    for sheet, top in ((conversions, ("From", "To")), (links, ("Between",))):
        for column, text in enumerate(top):
            sheet.write(0, column, text)
        for column, text in enumerate(("HS 2012", "HS 2007", "Relationship")):
            sheet.write(1, column, text)
        for line, link in enumerate(LINKS, 2):
            for column, text in enumerate(link):
                sheet.write(line, column, text)
    book.save(str(HERE / "hs_2012_2007.xls"))


if __name__ == "__main__":
    geodist(Path(sys.argv[1]))
    correlation()
