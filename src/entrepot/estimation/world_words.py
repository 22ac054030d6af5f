"""What the reader of a gravity estimate on the store must know, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.errors import InputError
from entrepot.estimation.panel import Axes, Panel
from entrepot.result import Note, Source
from entrepot.world import countries, products
from entrepot.world.short_names import short

if TYPE_CHECKING:
    from entrepot.store.store import Store

NAMED = 3
# Stands for columns of the user in the lines that repeat an estimate.
EXTRA = "extra.csv"
FORMULA = "trade ~ rta + sanctions | exporter^year + importer^year + exporter^importer"


def subject(store: Store, codes: Sequence[str]) -> str:
    """Name what is traded: a code, several, or all that the store holds."""
    if len(codes) == 1:
        return codes[0]
    whole = store.info("flows").holds or "all goods of the store"
    return f"{len(codes)} products" if len(codes) < 5 else f"{len(codes)} products: {whole}"


def product_name(code: str, revision: str) -> str:
    """Return the description of a code, or the code where the revision does not have it."""
    return products.describe(code, revision) if products.exists(code, revision) else code


def window_notes(store: Store, since: int | None, until: int | None) -> tuple[Note, ...]:
    """Say where the store begins later or ends earlier than what was asked for."""
    first, last = store.info("flows").years or (0, 0)
    found = []
    if since is not None and since < first:
        found.append(
            Note(
                "warning",
                f"{since} was asked for, but the store's flows begin in {first}: that is the first year.",
            )
        )
    if until is not None and until > last:
        found.append(
            Note(
                "warning",
                f"{until} was asked for, but the store's flows end in {last}: that is the last year.",
            )
        )
    return tuple(found)


def panel_notes(panel: Panel, silent: str) -> tuple[Note, ...]:
    """Say which cells are zeros filled in, and which are left out or only taken for zero."""
    share = f"{panel.zeros:,} of {panel.rows:,} cells"
    notes = [
        Note(
            "convention",
            f"{share} are zeros filled in: the exporter sells the product to others, the importer buys it "
            "from others, and no trade between them is recorded.",
        )
    ]
    if panel.unseen:
        notes.append(
            Note(
                "missing",
                f"{panel.unseen:,} cells are left out since neither side reports for that year"
                f"{_examples(panel)}: they are not observed, which is not zero.",
            )
        )
    if silent == "zero":
        notes.append(
            Note("warning", "Cells on which neither side reports count as zero trade, which nobody observed.")
        )
    return tuple(notes)


def shared_notes(axes: Axes, silent: str) -> tuple[Note, ...]:
    """Say the same of many panels at once."""
    dark = (
        "counts as zero trade, which nobody observed"
        if silent == "zero"
        else "is left out: it is not observed"
    )
    return (
        Note(
            "convention",
            "Zeros are filled in where the exporter sells the product to others, the importer buys it from "
            "others, and no trade between them is recorded.",
        ),
        Note(
            "missing", f"A cell of {axes.years[0]} to {axes.years[-1]} on which neither side reports {dark}."
        ),
    )


def _examples(panel: Panel) -> str:
    """Name the largest of the pairs that went dark: those with most trade when last seen."""
    sheet = panel.axes.dark & (panel.trade == 0)
    worth = np.where(sheet.any(axis=0), panel.trade.sum(axis=0), 0.0)
    order = np.argsort(-worth, axis=None, kind="stable")[:NAMED]
    names = panel.axes.countries
    pairs = [
        f"{_country(names[one])} to {_country(names[other])}"
        for one, other in (np.unravel_index(place, worth.shape) for place in order)
        if worth[one, other] > 0
    ]
    return f" (the largest when last seen: {', '.join(pairs)})" if pairs else ""


def _country(code: str) -> str:
    return countries.name(code) if code in countries.known() else code


def regressor_notes(wanted: Sequence[str], law: Sequence[Source] | None) -> tuple[Note, ...]:
    """Say what the ready regressors of a formula do not hold."""
    notes = []
    if "rta" in wanted:
        notes.append(
            Note(
                "scope",
                "rta counts the EU, the EAEU, ASEAN, the GCC and Mercosur with their dates; bilateral "
                "agreements and other areas are not in it.",
            )
        )
    if law is not None:
        held = "; ".join(dict.fromkeys(source.producer for source in law)) or "none on these flows"
        notes.append(
            Note(
                "scope",
                f"sanctions are bans and licences in the catalogue ({held}), law without a printed end taken "
                "as standing; measures of other senders are not in it, and sanctions_pair has more senders.",
            )
        )
    return tuple(notes)


# Words of an estimate on the store that the command line has too.
_FLAGS = ("product", "since", "until", "extra", "fill", "silent", "correct")
_USUAL = {"silent": "missing", "correct": False, "unidentified": "drop"}


def told(**asked: Any) -> dict[str, Any]:
    """Return what was asked for beside what is usual.

    Examples
    --------
    >>> told(product="270900", since=None, silent="zero", correct=False)
    {'product': '270900', 'silent': 'zero'}
    """
    # Columns of the user are named, as they cannot be printed.
    named = {name: EXTRA if name == "extra" and value is not None else value for name, value in asked.items()}
    return {name: value for name, value in named.items() if value is not None and value != _USUAL.get(name)}


def traded(store: Store, codes: Sequence[str], years: Sequence[int]) -> str:
    """Say what is traded and when, with the nomenclature: the scope of an estimate on the store."""
    revision = store.info("flows").revision or "HS1992"
    named = ", ".join(f"{code} {short_name(code)}" for code in codes)
    what = f"{revision} {named}" if len(codes) <= NAMED else subject(store, codes)
    span = f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
    return f"{what}, {span}"


def short_name(code: str) -> str:
    """Return the short name of a code, or the code where no revision has it."""
    try:
        return short(code)
    except InputError:
        return code


def python_line(formula: str, asked: Mapping[str, Any], vcov: str, *, by_product: bool = False) -> str:
    """Return the Python line that repeats an estimate on the store."""
    given = told(**asked).items()
    words = [
        repr(formula),
        *(f"{name}={'extra' if name == 'extra' else repr(value)}" for name, value in given),
    ]
    words += ["by_product=True"] if by_product else []
    words += [f"vcov={vcov!r}"] if vcov != "pair" else []
    return f"ep.open().gravity({', '.join(words)})"


def command_line(formula: str, asked: Mapping[str, Any], vcov: str, *, by_product: bool = False) -> str:
    """Return the command that repeats an estimate on the store; the Python line where only that can."""
    given = told(**asked)
    if not set(given) <= set(_FLAGS):
        return python_line(formula, asked, vcov, by_product=by_product)
    words = ["entrepot gravity", f"'{formula}'"]
    words += [f"--{name}{_value(value)}" for name, value in given.items()]
    words += ["--by-product"] if by_product else []
    words += [f"--vcov {vcov}"] if vcov != "pair" else []
    return " ".join(words)


def _value(value: Any) -> str:
    """Write one option of the command line; what is true needs no value."""
    if value is True:
        return ""
    many = not isinstance(value, str) and isinstance(value, Sequence)
    return f" {shlex.quote(','.join(value) if many else str(value))}"
