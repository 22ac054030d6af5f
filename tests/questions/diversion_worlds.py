"""Stores and law for the tests of ``diversion``: a small world with a known way round, and the real case."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from entrepot.measures.catalogue import Catalogue
from entrepot.measures.loader import load_catalogue
from entrepot.measures.schema import TABLES
from entrepot.result import Source
from entrepot.store.store import Store
from entrepot.world import products

SOURCE = Source("toy", "A maker", "Toy reports", "1", "CC0", "https://example.org", date(2024, 1, 1))
SENDERS = ("DEU", "FRA", "POL")
HUBS = ("ARE", "ARM", "GEO", "KAZ", "KGZ", "SRB", "TUR", "UZB")
MONTHS = 35
START = 26
# Two codes of each of forty headings of machinery.
HEADINGS = tuple(f"84{n:02d}" for n in range(1, 48))
CODES = tuple(
    code
    for heading in HEADINGS
    for code in [c for c in products.codes("HS2022") if c.startswith(heading)][:2]
)[:80]
# Codes that go round by way of Kyrgyzstan.
ROUND = CODES[::3]
OTHER_GOODS = "940360"


def law(folder: Path, scope: list[tuple[str, str]], direction: str = "export") -> Path:
    """Write an instrument: a ban of the EU on Russia on some codes, each with its nomenclature."""
    folder.mkdir(parents=True, exist_ok=True)
    since, as_of = "2022-03-01", "2023-01-01"
    rule = "destination" if direction == "export" else "origin"
    text = {
        "instrument": f"toy,EU,A regulation,REG 1,https://example.org,{since},{as_of},A ministry,open,",
        "measure": f"toy-a,toy,s. 1,A,,{direction},ban,{rule},{since},,,,exact,,Goods,,{as_of},",
        "party": "toy-a,sender,EU,,\ntoy-a,target,RUS,,",
        "scope": "\n".join(f"toy-a,{name},{c},include,0,,,,,,,,,,{c},Goods,{as_of}," for name, c in scope),
    }
    for name, rows in text.items():
        header = ",".join(TABLES[name])
        (folder / f"{name}.csv").write_text(f"{header}\n{rows}\n", encoding="utf-8")
    return folder


def toy_law(folder: Path, direction: str = "export") -> Catalogue:
    """Read the ban of the small world alone."""
    return load_catalogue(law(folder, [("HS2022", code) for code in CODES], direction), embedded=False)


def toy_rows(seed: int = 3) -> dict[str, np.ndarray[Any, Any]]:
    """Make reports by month: noisy peace, then a ban, tenfold sales of some codes to Kyrgyzstan, and on.

    Kyrgyzstan reports half of what comes in addition, Georgia reports until June 2022, Uzbekistan nothing.
    """
    rng = np.random.default_rng(seed)
    size = rng.lognormal(3.5, 1.0, (len(SENDERS), len(HUBS), len(CODES), 1))
    value = size * rng.gamma(2.0, 0.5, (len(SENDERS), len(HUBS), len(CODES), MONTHS))
    value[rng.random(value.shape) < 0.2] = 0.0
    extra = np.zeros_like(value)
    round_ = np.isin(CODES, ROUND)
    extra[:, HUBS.index("KGZ"), round_, START + 1 :] = 9.0 * size[:, HUBS.index("KGZ"), round_]
    direct = 10.0 * size.mean(1) * rng.gamma(4.0, 0.25, (len(SENDERS), len(CODES), MONTHS))
    direct[..., START:] *= 0.1
    onward = 2.0 * size.mean(0) * rng.gamma(2.0, 0.5, (len(HUBS), len(CODES), MONTHS)) + 0.8 * extra.sum(0)
    parts = [
        _rows(SENDERS, HUBS, "export", value + extra),
        _rows(SENDERS, ("RUS",), "export", direct[:, None]),
        _rows(HUBS, SENDERS, "import", np.swapaxes(1.05 * value + 0.5 * extra, 0, 1)),
        _rows(HUBS, ("RUS",), "export", onward[:, None]),
    ]
    for buyer in (*HUBS, "RUS"):
        rest = 1e4 * rng.gamma(50.0, 0.02, (len(SENDERS), 1, 1, MONTHS))
        parts.append(_rows(SENDERS, (buyer,), "export", rest, (OTHER_GOODS,)))
        parts.append(_rows((buyer,), SENDERS, "import", np.swapaxes(1.05 * rest, 0, 1), (OTHER_GOODS,)))
    return _as_reported(parts)


def import_rows(seed: int = 4) -> dict[str, np.ndarray[Any, Any]]:
    """Make buyers' reports by month around an import ban: Kyrgyzstan buys tenfold of Russia and sells on.

    China sells to third countries; who reports and until when is as in ``toy_rows``.
    """
    rng = np.random.default_rng(seed)
    size = rng.lognormal(4.5, 1.0, (len(HUBS), 1, len(CODES), 1))
    shape = (len(HUBS), 1, len(CODES), MONTHS)
    bought, elsewhere = (size * rng.gamma(2.0, 0.5, shape) for _ in range(2))
    extra = np.zeros(shape)
    extra[HUBS.index("KGZ"), :, np.isin(CODES, ROUND), START + 1 :] = np.swapaxes(
        9.0 * size[HUBS.index("KGZ")][:, np.isin(CODES, ROUND)], 0, 1
    )
    sold = 0.3 * size * rng.gamma(2.0, 0.5, shape) + 0.8 * extra
    direct = 10.0 * size.mean(0) * rng.gamma(4.0, 0.25, (len(SENDERS), 1, len(CODES), MONTHS))
    direct[..., START:] *= 0.1
    return _as_reported(
        [
            _rows(HUBS, ("RUS",), "import", bought + extra),
            _rows(HUBS, ("CHN",), "import", elsewhere),
            _rows(SENDERS, ("RUS",), "import", direct),
            _rows(SENDERS, HUBS, "import", np.repeat(np.swapaxes(sold, 0, 1) / 3.0, len(SENDERS), axis=0)),
        ]
    )


def _as_reported(parts: list[dict[str, np.ndarray[Any, Any]]]) -> dict[str, np.ndarray[Any, Any]]:
    """Put rows together, without those that Uzbekistan and, from July 2022 on, Georgia do not report."""
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    month = 12 * (rows["year"] - 2020) + rows["month"] - 1
    own = rows["reporter"]
    return {name: column[(own != "UZB") & ~((own == "GEO") & (month > 29))] for name, column in rows.items()}


def _rows(
    reporters: tuple[str, ...],
    partners: tuple[str, ...],
    direction: str,
    cube: np.ndarray[Any, Any],
    codes: tuple[str, ...] = CODES,
) -> dict[str, np.ndarray[Any, Any]]:
    """Turn an array (reporter, partner, code, month) into rows; zeros become absent rows."""
    r, p, k, t = np.nonzero(cube)
    return {
        "year": 2020 + t // 12,
        "month": t % 12 + 1,
        "reporter": np.array(reporters)[r],
        "partner": np.array(partners)[p],
        "direction": np.full(r.size, direction),
        "product": np.array(codes)[k],
        "value": cube[r, p, k, t],
    }


def reports(folder: Path, rows: dict[str, Any], revision: str = "HS2022") -> Store:
    """Write rows as the table of reports of a new store."""
    types = {"year": pa.int16(), "month": pa.int8(), "value": pa.float64()}
    data = {name: pa.array(column, types.get(name, pa.string())) for name, column in rows.items()}
    data["quantity"] = pa.nulls(len(data["value"]), pa.float64())
    store = Store.create(folder)
    store.write("reports", pa.table(data), sources=(SOURCE,), revision=revision)
    return store


def eu_case(shared: Path, folder: Path) -> tuple[Store, Catalogue]:
    """Load the EU's exports of 2,219 listed CN8 codes by month, and a ban on all of them.

    Euros stand as they are in the column of USD: only ratios and thresholds of size depend on it, and the
    detector's own validation uses euros too. Other goods are totals less fuels and the listed codes.
    """
    source = shared / "trade-eu-sanctioned-cn8"
    table = duckdb.sql(f"""
        with goods as (select * from '{source / "exports_cn8_monthly.parquet"}'),
        rest as (
            select reporter, partner, month, '99' code, sum(v) eur from (
                select reporter, partner, month, case code when 'TOTAL' then eur else -eur end v
                from '{source / "totals_monthly.parquet"}' where flow = 'export'
                union all
                select reporter, partner, month, -eur from goods where code not like '27%'
            ) group by all having sum(v) > 0
        )
        select year(month)::smallint as year, month(month)::tinyint as month, reporter, partner,
            'export' as direction, code as product, eur / 1e3 as value, null::double as quantity
        from (select code, reporter, partner, month, eur from goods union all by name select * from rest)
    """).to_arrow_table()
    store = Store.create(folder / "eu")
    store.write("reports", table, sources=(SOURCE,), revision="CN2022")
    codes = sorted(set(table.column("product").to_pylist()) - {"99"})
    scope = [("CN2022", code) for code in codes]
    return store, load_catalogue(law(folder / "law", scope))
