"""Planted diversions in untouched placebo windows: what is found, what is missed, and what is false."""

from __future__ import annotations

import numpy as np
from validation_case import LEAST, LEVELS, SHORT, TRIALS, Case, heads, percent, table

from entrepot.models import detection as dd

# Every fair cell is planted once, a fifth at a time, so that plants stand among trade as it was.
PARTS = 5


def recall(case: Case) -> list[str]:
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
        f"Plants in all cells with at least EUR {LEAST:,.0f} a month expected, a fifth at a time, in an "
        "untouched six-month placebo window (the first two trials above, pooled), found when they pass the "
        "score of q <= 5% in June to November 2022. Senders and months are those of the direct flow of the "
        "product to Russia in that window, or, for 'own', those of the hub's own purchases. Nothing was "
        "fitted to plants; what was chosen with them in view stands under 'What was chosen by hand'.",
        "",
        *table(["plant", "cells", "recall", "95% +-"], rows),
        *missed(case),
        *false_curve(case),
    ]


def missed(case: Case) -> list[str]:
    """How the tenfold plants that are not found came, and what peace time holds of that size."""
    tried = lost = lumps = by_class = 0
    for trial in TRIALS[:2]:
        answer, untouched = trained(case, trial)
        for part in range(PARTS):
            legs, places = planted(case, untouched, dd.Plant(10.0), part)
            gone = places[answer.judge(legs)[places] < answer.cut(0.05)]
            tried, lost = tried + places.size, lost + gone.size
            lumps += int((legs.persistence[gone] <= 0).sum())
            by_class += int(legs.multiplied[places].sum())
    windows = {name: SHORT[name] for name in ("Mar-Aug 2021", "Sep 2021-Feb 2022")}
    windows["Jun-Nov 2022"] = TRIALS[0][1]
    rows = [(name, likeness(case.legs(window))) for name, window in windows.items()]
    return [
        f"Of the tenfold plants {lost} of {tried} are missed; {lumps} of these came in one month or two, so "
        f"that the average month did not rise. {by_class} of {tried} rose more than sevenfold and on "
        "average: they have at least the log-likelihood ratio of all such flows together, whoever sent "
        "them, so what this line tests is that the class passes the cut. Its price is in the false shares: "
        "such flows are rare in peace time, but they occur.",
        "",
        *table(["window", "established flows that rose more than sevenfold"], rows),
    ]


def likeness(legs: dd.Legs) -> int:
    """Tested cells of the class of established flows that rose manifold."""
    return int((legs.multiplied & legs.large).sum())


def planted(
    case: Case, window: dd.Window, how: dd.Plant, part: int, parts: int = PARTS
) -> tuple[dd.Legs, np.ndarray]:
    """Legs of a window with plants in one part of the fair cells, and the places of these cells in them."""
    trade, legs = case.trade(window), case.legs(window)
    source = trade.among(
        case.roles().origins, case.roles().destinations if how.mix == "direct" else case.roles().hubs
    )
    source = source.rows(np.isin(source.period, window.post[how.delay :]))
    late = np.isin(np.arange(trade.products), source.product)
    fair = np.flatnonzero(dd.candidates(legs, LEAST, how.mix) & late[legs.product])
    rng = np.random.default_rng(1)
    cells = np.sort(rng.permutation(fair)[part::parts])
    new = case.legs(window, dd.plant(trade, case.roles(), window, legs, cells, how, case.groups(4), rng))
    size = trade.products
    return new, np.searchsorted(new.hub * size + new.product, legs.hub[cells] * size + legs.product[cells])


def trained(case: Case, trial: tuple) -> tuple[dd.Detection, dd.Window]:
    """The detector of a trial, and the window that took no part in it."""
    _, window, used, untouched = trial
    decoys = [case.legs(SHORT[name]) for name in used]
    return dd.detect(case.legs(window), decoys, groups=case.groups(4)), SHORT[untouched]


def planted_recall(case: Case, trial: tuple, how: dd.Plant) -> tuple[int, int]:
    """Plants found and planted in the untouched window of a trial."""
    answer, untouched = trained(case, trial)
    hits = tried = 0
    for part in range(PARTS):
        legs, places = planted(case, untouched, how, part)
        hits += int((answer.judge(legs)[places] >= answer.cut(0.05)).sum())
        tried += places.size
    return hits, tried


def false_curve(case: Case) -> list[str]:
    """Where the truth is known: plants in an untouched window, the whole detector run on it."""
    rows = []
    for factor in (3, 5, 10):
        line = np.zeros((len(LEVELS), 3))
        for _, _, used, untouched in TRIALS[:2]:
            legs, places = planted(case, SHORT[untouched], dd.Plant(factor), 0, 2)
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
        *table(["plant", *(f"{head}: false / recall" for head in heads())], rows),
    ]
