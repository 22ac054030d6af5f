"""The detector on chapters, and third countries against third countries and all partners of the EU."""

from __future__ import annotations

import duckdb
import numpy as np
from validation_case import (
    FLOOR,
    HUBS,
    LEVELS,
    NEIGHBOURS,
    PLACEBOS,
    REAL,
    SHORT,
    TARGET,
    TRIALS,
    Case,
    detection,
    heads,
    percent,
    table,
    year_on_year,
)

from entrepot.models import detection as dd


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
