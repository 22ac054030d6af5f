"""Rebuild docs/validation-diversion.md: how well the diversion detector is calibrated, and what it misses.

    OPENBLAS_NUM_THREADS=1 python scripts/build_validation.py

reads the shared test data beside the checkout (../shared/data; another folder with ``--data``) and takes a
minute or two. Everything is deterministic.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from entrepot.measures import load_catalogue
from entrepot.measures.scope import match
from entrepot.models import detection as dd

ROOT = Path(__file__).resolve().parents[1]
HUBS = ("ARM", "GEO", "KAZ", "KGZ", "UZB")
TARGET = "RUS"
NEIGHBOURS = (*HUBS, "BLR")
# EUR 1,000 a month is small change in a cell of HS6 by hub.
FLOOR = 1_000.0
LEAST = 20_000.0
LEVELS = (0.01, 0.05, 0.10, 0.20)
FIRST_YEAR = 2020
# Breadth that one sender alone, bounded at 2, cannot pass and two hardly can.
NARROW = 3.0


def month(year: int, number: int) -> int:
    """Period code of a month."""
    return 12 * (year - FIRST_YEAR) + number - 1


def year_on_year(year: int, first: int, length: int) -> dd.Window:
    """``length`` months from month ``first`` of ``year`` against the same months a year before."""
    after = np.arange(month(year, first), month(year, first) + length)
    return dd.window(after - 12, after)


REAL = year_on_year(2022, 3, 9)
PLACEBO = year_on_year(2021, 3, 9)
PLACEBOS = (year_on_year(2021, 1, 9), PLACEBO, year_on_year(2021, 6, 9))
# (months, window of the measure, placebo windows used, untouched placebo window)
TRIALS = (
    ("Jun-Nov 2022", year_on_year(2022, 6, 6), ("Mar-Aug 2021",), "Sep 2021-Feb 2022"),
    ("Jun-Nov 2022", year_on_year(2022, 6, 6), ("Sep 2021-Feb 2022",), "Mar-Aug 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("Jan-Apr 2021", "May-Aug 2021"), "Sep-Dec 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("Jan-Apr 2021", "Sep-Dec 2021"), "May-Aug 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("May-Aug 2021", "Sep-Dec 2021"), "Jan-Apr 2021"),
)
SHORT = {
    "Mar-Aug 2021": year_on_year(2021, 3, 6),
    "Sep 2021-Feb 2022": year_on_year(2021, 9, 6),
    "Jan-Apr 2021": year_on_year(2021, 1, 4),
    "May-Aug 2021": year_on_year(2021, 5, 4),
    "Sep-Dec 2021": year_on_year(2021, 9, 4),
}


@dataclass(frozen=True)
class Case:
    """EU exports of goods on the ban lists, CN8 by month, and the goods outside them."""

    countries: tuple[str, ...]
    codes: tuple[str, ...]
    covered: dd.Trade
    uncovered: dd.Trade
    folder: Path

    @cached_property
    def products(self) -> tuple[str, ...]:
        """HS6 codes."""
        return tuple(sorted({code[:6] for code in self.codes}))

    @cached_property
    def hs6(self) -> np.ndarray:
        """HS6 place of every CN8 code."""
        return np.searchsorted(self.products, [code[:6] for code in self.codes])

    def groups(self, digits: int) -> np.ndarray:
        """Group of every HS6 code at 2 or 4 digits."""
        return np.unique([code[:digits] for code in self.products], return_inverse=True)[1]

    def place(self, names: Iterable[str]) -> list[int]:
        """Country codes of ISO3 names."""
        return [self.countries.index(name) for name in names]

    def roles(
        self, hubs: Iterable[str] = HUBS, controls: Iterable[str] = (), target: str = TARGET
    ) -> dd.Roles:
        """The EU as origins; no control by default: the extract holds no partner without a motive."""
        origins = [c for c in self.countries if c not in (*NEIGHBOURS, TARGET)]
        return dd.roles(
            self.place(origins),
            self.place(hubs),
            self.place([target]),
            countries=len(self.countries),
            controls=self.place(controls),
        )

    def trade(self, window: dd.Window, *, comparable: bool = True) -> dd.Trade:
        """HS6 trade without the CN8 codes that begin or end between the windows."""
        rows = self.covered
        if comparable:
            rows = rows.rows(dd.comparable(rows, window)[rows.product])
        return rows.regroup(self.hs6)

    def legs(
        self, window: dd.Window, trade: dd.Trade | None = None, roles: dd.Roles | None = None
    ) -> dd.Legs:
        """Legs of every HS6 x hub cell in one window."""
        return dd.measure_legs(
            self.trade(window) if trade is None else trade,
            self.roles() if roles is None else roles,
            window,
            parents=[self.groups(4), self.groups(2)],
            floor=FLOOR,
            uncovered=self.uncovered,
        )


def load(folder: Path) -> Case:
    """Read the monthly extract."""
    source = folder / "trade-eu-sanctioned-cn8"
    period = f"(year(month) - {FIRST_YEAR}) * 12 + month(month) - 1"
    rows = duckdb.sql(
        f"select reporter s, partner h, code k, ({period})::int t, eur::double v from "
        f"'{source / 'exports_cn8_monthly.parquet'}'"
    ).fetchnumpy()
    totals = duckdb.sql(
        f"select reporter s, partner h, ({period})::int t, sum(case code when 'TOTAL' then eur when '27' "
        f"then -eur end)::double v from '{source / 'totals_monthly.parquet'}' where flow = 'export' group by "
        "1, 2, 3 order by all"
    ).fetchnumpy()
    countries = tuple(sorted(set(rows["s"]) | set(rows["h"])))
    codes = tuple(sorted(set(rows["k"])))
    size = len(countries)
    axes = {"countries": size, "periods": int(max(rows["t"])) + 1}
    keys = [np.searchsorted(countries, rows[c].astype(str)) for c in "sh"]
    covered = dd.trade(
        *keys,
        np.searchsorted(codes, rows["k"].astype(str)),
        rows["t"],
        rows["v"],
        products=len(codes),
        **axes,
    )
    rest = np.zeros((size, size, axes["periods"]))
    keys = [np.searchsorted(countries, totals[c].astype(str)) for c in "sh"]
    np.add.at(rest, (*keys, totals["t"]), totals["v"])
    fuel = np.array([code[:2] == "27" for code in codes])[covered.product]
    dry = covered.rows(~fuel)
    np.subtract.at(rest, (dry.exporter, dry.importer, dry.period), dry.value)
    # Totals and goods are two tables of one extract; confidential trade can make the rest slightly negative.
    found = np.nonzero(rest > 0)
    uncovered = dd.trade(
        found[0], found[1], np.zeros(found[0].size, int), found[2], rest[found], products=1, **axes
    )
    return Case(countries, codes, covered, uncovered, folder)


def detection(case: Case) -> dd.Detection:
    """March to November 2022 against 2021, scored against three placebo windows of 2021."""
    placebos = [case.legs(window) for window in PLACEBOS]
    return dd.detect(case.legs(REAL), placebos, groups=case.groups(4))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Markdown table; the first column is text, the others numbers."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|:--|" + "--:|" * (len(names) - 1)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def heads() -> list[str]:
    """Column heads of the levels of q."""
    return [f"q <= {100 * level:.0f}%" for level in LEVELS]


def millions(value: float) -> str:
    """EUR million as text."""
    return f"{value / 1e6:,.0f}"


def percent(share: float, digits: int = 1) -> str:
    """A share as text; what was not observed says so."""
    return f"{100 * share:.{digits}f}%" if np.isfinite(share) else "none found"


def published(case: Case) -> list[str]:
    """Growth of covered and of other goods, and what the hubs' gain is of Russia's loss."""
    rows, sums = [], {}
    for name in (TARGET, *NEIGHBOURS):
        place = case.place([name])[0]
        line = []
        for goods in (case.covered, case.uncovered):
            bought = goods.importer == place
            line += [
                goods.value[bought & np.isin(goods.period, months)].sum() for months in (REAL.pre, REAL.post)
            ]
        sums[name] = line
        rows.append(
            (
                name,
                millions(line[0]),
                millions(line[1]),
                *(percent(b / a - 1) for a, b in pairs(line)),
            )
        )
    six = [sum(sums[name][i] for name in NEIGHBOURS) for i in (0, 1)]
    loss = sums[TARGET][0] - sums[TARGET][1]
    three = [sums[name] for name in ("ARM", "KAZ", "KGZ")]
    gain = sum(line[1] - line[0] for line in three)
    ordinary = sum(line[0] * (line[3] / line[2] - 1) for line in three)
    rows.append(("six neighbours", millions(six[0]), millions(six[1]), percent(six[1] / six[0] - 1), ""))
    return [
        "## The figures others published, recomputed",
        "",
        "EU exports, March to November, EUR million. Other goods are all goods less covered goods and "
        "fuels (HS 27).",
        "",
        *table(["importer", "covered 2021", "covered 2022", "growth", "growth of other goods"], rows),
        f"The gain of Armenia, Kazakhstan and Kyrgyzstan is {percent(gain / loss)} of Russia's loss; less "
        f"the growth of their other goods {percent((gain - ordinary) / loss)}. (Published: Russia -71%, six "
        "neighbours +95%; EBRD working papers put the diverted share at 5 to 10%.)",
        "",
    ]


def pairs(line: list[float]) -> list[tuple[float, float]]:
    """(before, after) of covered and of other goods."""
    return [(line[0], line[1]), (line[2], line[3])]


def calibration(case: Case, found: dd.Detection) -> list[str]:
    """Empirical false shares on placebo windows and partners that took no part."""
    short = {name: case.legs(window) for name, window in SHORT.items()}
    rows, counts = [], []
    for name, window, used, untouched in TRIALS:
        answer = dd.detect(case.legs(window), [short[u] for u in used], groups=case.groups(4))
        shares = untouched_shares(case, answer, short[untouched])
        counts.append(by_group(case.groups(4), answer, short[untouched]))
        alone = dd.detect(short[untouched], [short[u] for u in used], groups=case.groups(4))
        flagged = [int((alone.q <= level).sum()) for level in LEVELS]
        rows += [row(name, " and ".join(used), untouched, shares, flagged)]
    partners = case.roles(hubs=("BLR", TARGET), target="ARM")
    legs = case.legs(PLACEBO, roles=partners)
    shares = untouched_shares(case, found, legs)
    rows.append(
        row("Mar-Nov 2022", "the three of 2021", "Belarus and Russia as hubs, Mar-Nov 2021", shares, None)
    )
    pooled = pool(np.sum(counts, axis=0))
    head = ["measure window", "decoys", "untouched placebo", *heads(), "flagged"]
    return [
        "## Placebo calibration: cells",
        "",
        "Weights and thresholds are learned from the decoys named; the untouched placebo takes no part. "
        "Each entry is the false share among the cells found that the untouched placebo implies, with a "
        "95% interval over HS4 groups. The last column treats the untouched placebo as if it were a "
        "measure: cells flagged at q <= 1, 5, 10, 20%.",
        "",
        *table(head, rows),
        "Over the five trials, weighted by cells found: "
        + ", ".join(f"{p} at {100 * level:.0f}%" for p, level in zip(pooled, LEVELS, strict=True))
        + ". The last row is a placebo of partners unlike the five hubs; no choice was made on it.",
        "",
    ]


def row(
    name: str, used: str, untouched: str, shares: list[dd.FalseShare], flagged: list[int] | None
) -> tuple[str, ...]:
    """One line of the calibration table."""
    cells = [
        f"{percent(s.share)} [{percent(s.lower)}, {percent(s.upper)}]" if s.found else "none found"
        for s in shares
    ]
    return (name, used, untouched, *cells, " ".join(map(str, flagged)) if flagged is not None else "")


def by_group(hs4: np.ndarray, answer: dd.Detection, legs: dd.Legs) -> np.ndarray:
    """False cells implied by the placebo and cells found, shape (levels, 2, HS4 groups)."""
    score, size, ok = answer.judge(legs), int(hs4.max()) + 1, answer.tested
    scale = answer.innocent * ok.sum() / legs.large.sum()
    counts = np.zeros((len(LEVELS), 2, size))
    for line, level in enumerate(LEVELS):
        crossed = legs.large & (np.nan_to_num(score, nan=-np.inf) >= answer.cut(level))
        found = ok & (np.nan_to_num(answer.q, nan=2.0) <= level)
        counts[line, 0] = scale * np.bincount(hs4[legs.product[crossed]], minlength=size)
        counts[line, 1] = np.bincount(hs4[answer.legs.product[found]], minlength=size)
    return counts


def pool(counts: np.ndarray) -> list[str]:
    """False share at each level with a 95% interval over HS4 groups, as text."""
    size = counts.shape[2]
    drawn = np.random.default_rng(0).multinomial(size, np.full(size, 1 / size), size=1_000)
    shares = (drawn @ counts[:, 0].T) / (drawn @ counts[:, 1].T)
    bounds = np.quantile(shares, [0.025, 0.975], axis=0)
    point = counts[:, 0].sum(1) / counts[:, 1].sum(1)
    return [f"{percent(p)} [{percent(a)}, {percent(b)}]" for p, a, b in zip(point, *bounds, strict=True)]


def untouched_shares(case: Case, answer: dd.Detection, legs: dd.Legs) -> list[dd.FalseShare]:
    """False share at each level from the cells of an untouched placebo."""
    hs4, ok = case.groups(4), answer.tested
    score = answer.judge(legs)[legs.large]
    clusters = (hs4[answer.legs.product[ok]], hs4[legs.product[legs.large]])
    return [
        dd.false_share(
            answer.score[ok], answer.q[ok], score, level, innocent=answer.innocent, clusters=clusters
        )
        for level in LEVELS
    ]


def ratios(found: dd.Detection) -> list[str]:
    """Whether the log-likelihood ratio means what it says."""
    score, decoys = found.score[found.tested], found.decoy_score
    edges = np.append(np.quantile(decoys, [0.0, 0.5, 0.9, 0.97, 0.99, 0.997]), np.inf)
    rows = []
    for low, high in pairwise(edges):
        mine, theirs = (score >= low) & (score < high), (decoys >= low) & (decoys < high)
        guilty = (mine.mean() / theirs.mean() - found.innocent) / (1.0 - found.innocent)
        seen = f"{np.log(guilty):.2f}" if guilty > 0 else "none"
        rows.append((f"from {low:.2f}", mine.sum(), theirs.sum(), f"{score[mine].mean():.2f}", seen))
    return [
        "## Does the log-likelihood ratio mean what it says?",
        "",
        "Cells by score: mean log-likelihood ratio said, and the one seen, from the share of cells of 2022 "
        "over the share of decoys with the estimated innocents taken out. Beyond a handful of decoys it "
        "cannot be measured.",
        "",
        *table(["log-likelihood ratio", "cells 2022", "decoys", "said", "seen"], rows),
    ]


def real_case(case: Case, found: dd.Detection) -> list[str]:
    """Counts by hub and level; quantities as intervals."""
    legs, parts = found.legs, []
    own = dd.shrink(case.legs(PLACEBO), found.weights[0].dispersion, case.groups(4))
    now = dd.shrink(legs, found.weights[0].dispersion, case.groups(4))
    before = case.legs(PLACEBO)
    flows = dd.expect(
        case.trade(REAL),
        case.roles().origins,
        case.roles().hubs,
        case.roles().controls,
        REAL,
        parents=[case.groups(4), case.groups(2)],
        floor=FLOOR,
        uncovered=case.uncovered,
    )
    flagged = found.tested & (found.q <= 0.05)
    bound = dd.diverted_at_most(legs, flagged)
    for name, place in zip(HUBS, case.place(HUBS), strict=True):
        mine = legs.hub == place
        hit = np.isin(flows.product, legs.product[mine & flagged]) & (flows.importer == place)
        more = dd.bootstrap(flows, hit)
        effects = [
            f"{np.exp(s.hub[m][0]):.2f} [{np.exp(s.hub[m][0] - 1.96 * s.hub_error[m][0]):.2f}, "
            f"{np.exp(s.hub[m][0] + 1.96 * s.hub_error[m][0]):.2f}]"
            for s, m in ((own, before.hub == place), (now, mine))
        ]
        counts = [int((found.q[mine] <= level).sum()) for level in LEVELS]
        parts.append(
            (
                name,
                int(found.tested[mine].sum()),
                *counts,
                *effects,
                f"{millions(more.excess)} [{millions(more.lower)}, {millions(more.upper)}]",
                f"0 to {millions(np.nansum(bound[mine]))}",
            )
        )
    total = [int((found.q <= level).sum()) for level in LEVELS]
    adjusted = [int((found.adjusted <= level).sum()) for level in LEVELS]
    tail = dd.benjamini_hochberg(found.student[found.tested])
    rows = [
        ("target-decoy q", *total),
        ("Benjamini-Hochberg on the tail among decoys", *adjusted),
        ("Benjamini-Hochberg on the Student t of leg A", *(int((tail <= level).sum()) for level in LEVELS)),
    ]
    weights = ", ".join(
        f"{name} {np.mean([w.weight[i] for w in found.weights]):.2f}" for i, name in enumerate(dd.FEATURES)
    )
    return [
        "## The case of 2022",
        "",
        f"March to November 2022 against 2021, {int(found.tested.sum()):,} HS6 x hub cells, weights "
        "cross-fitted over five folds of HS4. Estimated share of cells without diversion: "
        f"{percent(found.innocent)}.",
        "",
        *table(["cells found at", *(f"{100 * level:.0f}%" for level in LEVELS)], rows),
        "By hub: cells; ratio of observed to expected trade over all cells (shrunk mean of cells, 95% "
        "interval) in the placebo of 2021 and in 2022; excess in the cells found at 5% (EUR million, "
        "interval over months x senders) and what of it can have been diverted at most.",
        "",
        *table(["hub", "cells", *heads(), "ratio 2021", "ratio 2022", "excess", "diverted"], parts),
        f"Mean weights per standard deviation of a leg: {weights}. Legs B, D and G were not observed cell "
        "by cell in this extract and add nothing; a weight of 0 for A says that, given breadth and "
        "persistence, size of the excess alone did not set 2022 apart from 2021.",
        "",
        sensitivity(case),
        "",
    ]


def sensitivity(case: Case) -> str:
    """Cells found with other choices of the baseline."""
    others = case.roles(controls=HUBS)
    with_hubs = dd.detect(
        case.legs(REAL, roles=others), [case.legs(w, roles=others) for w in PLACEBOS], groups=case.groups(4)
    )
    broken = dd.detect(
        case.legs(REAL, case.trade(REAL, comparable=False)),
        [case.legs(w, case.trade(w, comparable=False)) for w in PLACEBOS],
        groups=case.groups(4),
    )
    counts = [int((one.q <= 0.05).sum()) for one in (with_hubs, broken)]
    return (
        "Two other choices at q <= 5%: with the other hubs as controls of a product's growth (they divert "
        f"too, so this takes away what is looked for) {counts[0]} cells; without dropping the CN8 codes that "
        f"begin or end with the nomenclature of January 2022 {counts[1]} cells, some of them the break "
        "itself."
    )


def broader(case: Case) -> list[str]:
    """The same detector on chapters, and hubs against hubs and all partners of the EU."""
    head = "## Placebo calibration: chapters and hubs"
    return [head, "", *chapters(case), *hub_months(case), *hub_years(case)]


def chapter_legs(case: Case, window: dd.Window) -> dd.Legs:
    """Legs of HS2 x hub cells."""
    hs2 = case.groups(2)
    trade = case.trade(window).regroup(hs2)
    coarse = [np.arange(trade.products), np.zeros(trade.products, int)]
    return dd.measure_legs(trade, case.roles(), window, parents=coarse, floor=FLOOR, uncovered=case.uncovered)


def chapters(case: Case) -> list[str]:
    """HS2 x hub."""
    size = int(case.groups(2).max()) + 1
    short = {name: chapter_legs(case, window) for name, window in SHORT.items()}
    sums = np.zeros((len(LEVELS), 2))
    for _, window, used, untouched in TRIALS:
        answer = dd.detect(chapter_legs(case, window), [short[u] for u in used], groups=np.arange(size))
        legs = short[untouched]
        score = answer.judge(legs)[legs.large]
        for line, level in enumerate(LEVELS):
            share = dd.false_share(
                answer.score[answer.tested], answer.q[answer.tested], score, level, innocent=answer.innocent
            )
            sums[line] += share.found * np.nan_to_num(share.share), share.found
    placebos = [chapter_legs(case, window) for window in PLACEBOS]
    whole = dd.detect(chapter_legs(case, REAL), placebos, groups=np.arange(size))
    counts = [int((whole.q <= level).sum()) for level in LEVELS]
    pooled = [percent(a / b) if b else "none found" for a, b in sums]
    return [
        f"Chapters: {int(whole.tested.sum())} HS2 x hub cells in March to November 2022; false share in the "
        "five trials as above, pooled.",
        "",
        *table(
            ["HS2 x hub", *heads()],
            [("found in 2022", *counts), ("false share, untouched placebos", *pooled)],
        ),
    ]


def hub_months(case: Case) -> list[str]:
    """Each hub's shrunk ratio in 2022 against all hubs' ratios in windows of 2021."""
    found = detection(case)
    windows = [year_on_year(2021, first, 9) for first in range(1, 7)]

    def effects(window: dd.Window) -> np.ndarray:
        legs = case.legs(window)
        shrunk = dd.shrink(legs, found.weights[0].dispersion, case.groups(4))
        return np.array([shrunk.hub[legs.hub == place][0] for place in case.place(HUBS)])

    now, then = effects(REAL), np.array([effects(window) for window in windows])
    q = dd.q_values(now, then.ravel())
    rows = [
        (
            name,
            f"{np.exp(now[i]):.2f}",
            f"{np.exp(then[:, i].min()):.2f} to {np.exp(then[:, i].max()):.2f}",
            percent(q[i]),
        )
        for i, name in enumerate(HUBS)
    ]
    return [
        "Hubs: shrunk ratio of observed to expected trade in covered goods, March to November 2022, "
        "against the six nine-month windows of 2021 (January to June as first month; they overlap, so the "
        "q-value is rough).",
        "",
        *table(["hub", "2022", "own windows of 2021", "q"], rows),
    ]


def hub_years(case: Case) -> list[str]:
    """EU exports to all partners by year: growth against all other partners, Student t by size."""
    source = case.folder / "trade-eu-mirror" / "eu27_exports_by_partner_2010_2023_clean.parquet"
    rows = duckdb.sql(f"select iso3, year::int y, eur::double v from '{source}'").fetchnumpy()
    names, years = np.unique(rows["iso3"].astype(str)), np.arange(2010, 2024)
    value = np.full((names.size, years.size), np.nan)
    value[np.searchsorted(names, rows["iso3"].astype(str)), rows["y"] - 2010] = rows["v"]
    total = np.nansum(value, axis=0)
    world = np.nan_to_num(
        (total[1:] - np.nan_to_num(value[:, 1:])) / (total[:-1] - np.nan_to_num(value[:, :-1]))
    )
    expected = value[:, :-1] * world
    ratio = np.log(value[:, 1:] / expected)
    party = np.isin(names, [*NEIGHBOURS, TARGET, "UKR"])[:, None]
    usable = np.isfinite(ratio) & (expected > 1e6)
    peace = usable & ~party & (years[1:] <= 2021)
    even = np.broadcast_to(years[1:] % 2 == 0, usable.shape)
    rows_out, rates = [], []
    for learn, test in ((~even, even), (even, ~even)):
        tail = dd.fit_dispersion(ratio[peace & learn], expected[peace & learn])
        score = tail.standardise(ratio, np.where(usable, expected, np.nan))
        target = score[np.isin(names, HUBS), years[1:].tolist().index(2022)]
        q = dd.q_values(target, score[peace & learn])
        shares = [dd.false_share(target, q, score[peace & test], level) for level in LEVELS]
        rates.append(
            [
                f"{share.found} found, {percent(share.share, 2)}" if share.found else "none found"
                for share in shares
            ]
        )
        rows_out.append([percent(v, 2) for v in q])
    hubs = names[np.isin(names, HUBS)]
    return [
        f"Hubs against all partners: yearly EU exports of all goods to {names.size} partners, 2011 to 2021, "
        "as decoys (partners without a motive; growth against that of all other partners, Student t by "
        "size); q of each hub in 2022 with odd years as decoys and with even years.",
        "",
        *table(["hub", *hubs], [("odd years", *rows_out[0]), ("even years", *rows_out[1])]),
        "Hubs found and the false share that the untouched half of the partner-years implies:",
        "",
        *table(
            ["decoys", *heads()],
            [("odd years", *rates[0]), ("even years", *rates[1])],
        ),
    ]


def recall(case: Case, found: dd.Detection) -> list[str]:
    """Planted diversions of every kind: share found at the cut of 2022, in windows and products apart."""
    kinds = [("direct", dd.Plant(factor)) for factor in (2, 3, 5, 10, 20)]
    kinds += [("own", dd.Plant(factor, mix="own")) for factor in (2, 3, 5, 10, 20)]
    kinds += [("two months late", dd.Plant(factor, delay=2)) for factor in (3, 5, 10)]
    kinds += [("four months late", dd.Plant(factor, delay=4)) for factor in (3, 5, 10)]
    kinds += [("half recorded", dd.Plant(factor, recorded=0.5)) for factor in (3, 5, 10)]
    kinds += [("30% under another code of HS4", dd.Plant(factor, misclassified=0.3)) for factor in (3, 5, 10)]
    rows = []
    for name, how in kinds:
        shares = [planted_recall(case, trial, how) for trial in TRIALS[:2]]
        hits, tried = (sum(s[i] for s in shares) for i in (0, 1))
        error = 1.96 * np.sqrt(hits / tried * (1 - hits / tried) / tried)
        rows.append((f"x{how.factor:.0f}, {name}", tried, percent(hits / tried), f"{100 * error:.1f} pp"))
    return [
        "## Planted diversions: recall",
        "",
        f"Plants in a fifth of the cells with at least EUR {LEAST:,.0f} a month expected, in an untouched "
        "six-month placebo window (the first two trials above, pooled), found when they pass the score of "
        "q <= 5% in June to November 2022. Senders and months are those of the direct flow of the product "
        "to Russia in that window, or, for 'own', those of the hub's own purchases. Nothing was tuned on "
        "plants of these two windows except as said under 'What was chosen by hand'.",
        "",
        *table(["plant", "cells", "recall", "95% +-"], rows),
        *missed(case),
        *false_curve(case),
    ]


def missed(case: Case) -> list[str]:
    """What the tenfold plants that are not found look like, and what peace time holds of their kind."""
    tried = lost = few = short = 0
    for _, window, used, untouched in TRIALS[:2]:
        answer = dd.detect(case.legs(window), [case.legs(SHORT[u]) for u in used], groups=case.groups(4))
        legs, places = planted(case, SHORT[untouched], dd.Plant(10.0), 0.2)
        gone = places[answer.judge(legs)[places] < answer.cut(0.05)]
        narrow = legs.breadth[gone] < NARROW
        brief = legs.persistence[gone] < 1.0
        tried, lost = tried + places.size, lost + gone.size
        few, short = few + int(narrow.sum()), short + int((brief & ~narrow).sum())
    windows = {name: SHORT[name] for name in ("Mar-Aug 2021", "Sep 2021-Feb 2022")}
    windows["Jun-Nov 2022"] = TRIALS[0][1]
    rows = [(name, *likeness(case.legs(window))) for name, window in windows.items()]
    return [
        f"Of the tenfold plants {lost} of {tried} are missed: {few} are narrow (breadth below {NARROW:.0f}: "
        f"in effect one sender or two), {short} more came in too few months or in one lump, "
        f"{lost - few - short} fall short though broad and lasting. The target of 99% would leave 4. "
        f"Cells of that kind also rise in peace time: with at least EUR {LEAST:,.0f} a month expected, "
        "more than sevenfold and lasting,",
        "",
        *table(["window", "such cells", "of them narrow"], rows),
        *BEYOND,
        "",
    ]


def likeness(legs: dd.Legs) -> tuple[int, int]:
    """Large cells that rose like a tenfold plant, and those of them on few senders."""
    ratio = np.log((legs.observed + legs.floor) / (legs.expected + legs.floor))
    risen = (legs.expected > LEAST * legs.length) & (ratio > 2.0) & (legs.persistence > 1.0)
    return int(risen.sum()), int((risen & (legs.breadth < NARROW)).sum())


def planted(case: Case, window: dd.Window, how: dd.Plant, share: float) -> tuple[dd.Legs, np.ndarray]:
    """Legs of a window with plants, and the places of the planted cells in them."""
    trade, legs = case.trade(window), case.legs(window)
    source = trade.among(
        case.roles().origins, case.roles().destinations if how.mix == "direct" else case.roles().hubs
    )
    source = source.rows(np.isin(source.period, window.post[how.delay :]))
    late = np.isin(np.arange(trade.products), source.product)
    fair = np.flatnonzero(dd.candidates(legs, LEAST, how.mix) & late[legs.product])
    rng = np.random.default_rng(1)
    cells = np.sort(rng.choice(fair, int(share * fair.size), replace=False))
    new = case.legs(window, dd.plant(trade, case.roles(), window, legs, cells, how, case.groups(4), rng))
    size = trade.products
    return new, np.searchsorted(new.hub * size + new.product, legs.hub[cells] * size + legs.product[cells])


def planted_recall(case: Case, trial: tuple, how: dd.Plant) -> tuple[int, int]:
    """Plants found and planted in the untouched window of a trial."""
    _, window, used, untouched = trial
    answer = dd.detect(case.legs(window), [case.legs(SHORT[u]) for u in used], groups=case.groups(4))
    legs, places = planted(case, SHORT[untouched], how, 0.2)
    return int((answer.judge(legs)[places] >= answer.cut(0.05)).sum()), places.size


def false_curve(case: Case) -> list[str]:
    """Where the truth is known: plants in an untouched window, the whole detector run on it."""
    rows = []
    for factor in (3, 5, 10):
        line = np.zeros((len(LEVELS), 3))
        for _, _, used, untouched in TRIALS[:2]:
            legs, places = planted(case, SHORT[untouched], dd.Plant(factor), 0.5)
            answer = dd.detect(legs, [case.legs(SHORT[u]) for u in used], groups=case.groups(4))
            for i, level in enumerate(LEVELS):
                flagged = answer.tested & (answer.q <= level)
                line[i] += flagged.sum(), flagged[places].sum(), places.size
        rows.append(
            (
                f"x{factor}",
                *(f"{percent(1 - h / f) if f else 'none found'} / {percent(h / p)}" for f, h, p in line),
            )
        )
    return [
        "False share and recall where the truth is known: plants in half of the fair cells of the "
        "untouched window, the whole detector trained and run on it.",
        "",
        *table(["plant", *(f"q <= {100 * level:.0f}%: false / recall" for level in LEVELS)], rows),
    ]


def peers(case: Case, found: dd.Detection) -> list[str]:
    """Rules of thumb and this detector on the same cells."""
    legs, before = case.legs(REAL), case.legs(PLACEBO)
    ours = [dd.rules_of_thumb(one, million=1e6, unit=1e4) for one in (legs, before)]
    kept = found.tested & (found.q <= 0.05)
    crossed = np.nan_to_num(found.judge(before), nan=-np.inf) >= found.cut(0.05)
    lines = [
        ("more than double and more than EUR 1 m", ours[0].double_and_million, ours[1].double_and_million),
        ("z > 1.96 of the log ratio", ours[0].normal, ours[1].normal),
        ("Poisson on EUR 10,000 lots, Benjamini-Hochberg 5%", ours[0].poisson, ours[1].poisson),
        ("this detector, q <= 5%", kept, crossed),
    ]
    rows = []
    for name, now, then in lines:
        rate = then.sum() / before.large.sum()
        false = min(1.0, rate * legs.large.sum() / now.sum())
        rows.append((name, now.sum(), percent(now.sum() / legs.large.sum()), percent(rate), percent(false)))
    return [
        "## Rules in use elsewhere, on the same cells",
        "",
        "Cells flagged in March to November 2022, and by the same rule in the same months of 2021, when no "
        "measure was there. The false share counts every cell of 2022 as possibly innocent, for all four "
        f"alike; with the estimated {percent(found.innocent)} innocent cells each is that much smaller. The "
        "cut of this detector was set with this placebo window among others; for windows that took no part "
        "see above.",
        "",
        *table(["rule", "cells 2022", "share", "share in peace (2021)", "false share"], rows),
    ]


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


HEAD = """# Validation of the diversion detector

Written by `scripts/build_validation.py`; do not edit by hand. What is flagged is consistent with diversion
and needs review: it proves nothing about any one cell. Only counts and totals are shown.

Data: EU exports of goods on the EU's export-ban lists to Russia and six neighbours, CN8 by month, January
2020 to November 2022 (Eurostat Comext DS-045409, extracted 21 to 25 January 2023, CC BY 4.0, by
way of vzemlys/ruimpeks); EU exports by partner and national imports, 2010 to 2023 (Eurostat and national
offices, by way of mary-lev/eu-export-sanctions, CC BY 4.0); dates of measures from the catalogue of this
project. {files}
"""

# Tried once by hand on plants drawn with another seed; not rebuilt by this script.
BEYOND = (
    "Of the cells of that kind 2022 holds many more than 2021, but hardly more narrow ones, so what "
    "sets 2022 apart says little about narrow plants. Tried and not kept, none reaching 99%: (1) "
    "monotone piecewise-linear likelihood ratios of A, E and F with joint terms; (2) weights learned "
    "from plants in training windows, with a joint term of size, rise and persistence; (3) the same "
    "from plants and cells of 2022 together; (4) monotone boosted trees on plants. On plants drawn anew "
    "in the four-month trials (the same year 2021) recall of x10 was 94.4% with the present score, and "
    "95.9%, 96.6%, 96.0% and at most 94.7% with these; over plants of all five trials, looked at once "
    "at the end, 95.6% with the present score and 96.5%, 97.0% and 96.3% with (1) to (3). Weights "
    "learned from plants alone find 9 to 23% fewer cells in 2022 at q <= 5%. Standardising E and F by size "
    "lost recall.",
)

CHOICES = """## What was learned from what, and what was chosen by hand

- Learned on the products of the other folds: the tail of leg A (placebo windows) and the weights of the legs
  (window of the measure against placebo windows). No cell is scored by weights that saw its HS4.
- Learned on all cells: the share of innocent cells, and the slope that turns scores into log-likelihood
  ratios (it changes no rank and no q-value).
- Chosen by hand before the targets were looked at: the small change of EUR 1,000 a month, five folds, ridge
  1, t tails; on the likelihood of the placebo window of 2021 alone: how strongly growth factors are shrunk.
- Chosen by hand while looking at placebo windows, plants and the count of 2022: the form of the legs E and F
  (each sender and each month counts once), the bound of 2 on one sender's log rise (none, 2 and 3 were
  tried), the share of innocent cells in q, the largest q over the placebo windows, no product factor without
  clean control partners, no more than the average decoy's score without an excess. The five trials of the
  calibration are therefore untouched by any fit, but not unseen. The count at q <= 5% depends on such
  choices: variants that were tried gave between about 250 and 450 cells, all with the same placebo
  calibration within its interval. The placebo partners (last row of the first table) were set aside; no
  choice was made on them.
- The windows of 2021 are compared with 2020, a year of pandemic. They are the only peace-time windows in the
  extract.

## Limits

- Decoys must be like the cells that are judged. On Belarus and Russia as placebo partners, which buy more
  from more senders, the same cut lets more through (last row of the first table): q-values hold for hubs of
  the size of these five.
- At q <= 1% the rate rests on a handful of decoys and is not held.
- The extract holds no partner without a motive, so that the growth of a product elsewhere cannot be taken
  out.
- A code of HS2022 that is new in January 2022 has no window before; CN8 codes that begin or end between two
  windows are dropped from both.
- With few senders even a large plant is not told from the lumps of peace-time trade: see 'own' among the
  plants. A plant of ten times the trade is found less often than the 99% aimed at; the section on recall
  says why.
- Yearly tables of few goods are not calibrated. For Russia's raw materials (BACI, 74 codes of HS6, 2023
  against 2019 to 2021, banned by 35 countries, 585 cells with more than USD 100,000) 20 other exporters of
  the same years as decoys (3,357 cells) let no cell below q = 0.73, Russia's own earlier window (554 cells)
  none below 0.85: too few cells rose for any weight to be learned. Ten of those exporters judged as if they
  were targets gave no cell of 2,030 at q <= 10% and two at 20%: nothing false is claimed, and nothing is
  found. Tried once by hand.
- Values only: no masses, no hub exports, no hub imports by product. Legs B, D and G are not observed here.
"""


def report(folder: Path) -> str:
    """The whole report as Markdown."""
    case = load(folder)
    found = detection(case)
    files = [
        folder / "trade-eu-sanctioned-cn8" / name
        for name in ("exports_cn8_monthly.parquet", "totals_monthly.parquet")
    ]
    hashes = (f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}" for file in files)
    parts = [HEAD.format(files=f"SHA-256: {', '.join(hashes)}.")]
    sections = (
        published(case),
        calibration(case, found),
        ratios(found),
        broader(case),
        real_case(case, found),
        recall(case, found),
        peers(case, found),
        events(case),
        mirror(case),
    )
    parts += ["\n".join(section) for section in sections]
    return "\n".join([*parts, CHOICES]).rstrip() + "\n"


def main() -> None:
    """Write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "validation-diversion.md")
    chosen = parser.parse_args()
    chosen.out.write_text(report(chosen.data), encoding="utf-8")
    print(f"wrote {chosen.out.name}, data of {date(2023, 1, 13)}")


if __name__ == "__main__":
    main()
