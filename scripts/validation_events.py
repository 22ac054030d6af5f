"""The pooled event study around each code's own date, and the mirror gap."""

from __future__ import annotations

import duckdb
import numpy as np
from validation_case import HUBS, TARGET, Case, month, table

from entrepot.measures import load_catalogue
from entrepot.measures.scope import match
from entrepot.models import detection as dd


def events(case: Case) -> list[str]:
    """Stacked event study around each code's own date of the export bans."""
    law = load_catalogue()
    bans = [
        m
        for m in law.measures
        if m.instrument_id == "eu-833-2014" and m.kind == "ban" and m.direction == "export" and m.valid_from
    ]
    start = np.full(len(case.products), -1)
    for day in sorted({m.valid_from for m in bans}, reverse=True):
        inside = match(law, case.products, "HS2022", at=day, measures=bans).possible.max(1) > 0
        start[inside] = month(day.year, day.month)
    lines, studies = [], {}
    for name, hubs in (("hubs", HUBS), (TARGET, (TARGET,))):
        studies[name] = study(case, start, hubs)
    both = studies["hubs"], studies[TARGET]
    rows = [
        (
            f"{m:+d}",
            *(
                f"{np.exp(s.effect[i]):.2f} [{np.exp(s.lower[i]):.2f}, {np.exp(s.upper[i]):.2f}]"
                for s in both
            ),
        )
        for i, m in enumerate(both[0].month)
    ]
    lines += [
        "## Pooled event study",
        "",
        "Trade relative to purchases of uncovered goods in the same month, months from each code's own "
        f"date (Annexes XVIII, XX and XXIII of Regulation 833/2014; {int((start >= 0).sum())} of "
        f"{start.size} HS6 codes have a dated annex in the catalogue, the rest take no part), mean of the "
        f"twelve months before = 1. Hubs: {both[0].cells:,} cells, clustered by product and hub, so that "
        f"the interval rests on {min(both[0].clusters)} hubs; Russia: clustered by product.",
        "",
        *table(["month", "five hubs", "Russia (direct)"], rows),
    ]
    return lines


def study(case: Case, start: np.ndarray, importers: tuple[str, ...]) -> dd.EventStudy:
    """Event study of all dated codes to some importers."""
    trade = case.covered.regroup(case.hs6)
    size, periods = trade.products, trade.periods
    cube, exposure, hub = [], [], []
    for place in case.place(importers):
        rows = trade.rows(trade.importer == place)
        cube.append(
            np.bincount(rows.product * periods + rows.period, rows.value, size * periods).reshape(size, -1)
        )
        rest = case.uncovered.rows(case.uncovered.importer == place)
        exposure.append(np.tile(np.bincount(rest.period, rest.value, periods), (size, 1)))
        hub.append(np.full(size, place))
    dated = np.tile(start >= 0, len(importers))
    date_of = np.tile(start, len(importers))[dated]
    value, weight, inside = dd.stack(
        np.concatenate(cube)[dated], np.concatenate(exposure)[dated], date_of, -12, 7
    )
    product = np.tile(np.arange(size), len(importers))[dated]
    clusters = (product, np.concatenate(hub)[dated]) if len(importers) > 1 else (product,)
    return dd.event_study(value, weight, inside, -12, clusters)


def mirror(case: Case) -> list[str]:
    """EU exports against the hubs' own import figures."""
    folder = case.folder / "trade-eu-mirror"
    rows = duckdb.sql(
        "select m.reporter h, m.year::int y, sum(m.eur) bought, any_value(e.eur)::double sold from "
        f"'{folder / 'national_imports_clean.parquet'}' m join "
        f"'{folder / 'eu27_exports_by_partner_2010_2023_clean.parquet'}' e on e.iso3 = m.reporter and e.year "
        "= m.year where m.iso3 in (select distinct reporter from "
        f"'{folder / 'eu27_monthly_exports_clean.parquet'}') group by 1, 2 order by 1, 2"
    ).fetchnumpy()
    hubs, years = sorted(set(rows["h"].astype(str))), sorted({int(y) for y in rows["y"]})
    sold, bought = (np.full((len(hubs), len(years)), np.nan) for _ in range(2))
    at = (np.searchsorted(hubs, rows["h"].astype(str)), rows["y"] - years[0])
    sold[at], bought[at] = rows["sold"], rows["bought"]
    gap = dd.mirror_gap(sold, bought, years.index(2021)).gap
    lines = [
        (hub, *("not observed" if np.isnan(g) else f"{g:.2f}" for g in gap[i])) for i, hub in enumerate(hubs)
    ]
    return [
        "## Mirror gap",
        "",
        "Log of EU exports over the hub's reported imports from the EU, all goods. Georgia's own figures "
        "are not in these data. Armenia's figure for 2023 is incomplete at the source, so its gap for that "
        "year says nothing.",
        "",
        *table(["hub", *map(str, years)], lines),
    ]
