"""`entrepot diversion`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from entrepot.cli.app import app
from entrepot.cli.options import Shown, words
from entrepot.cli.terminal import open_world, show
from entrepot.errors import InputError


@app.command(sort_key=3)
def diversion(
    *,
    target: str,
    sender: str = "EU",
    form: Literal["export-ban", "import-ban"] = "export-ban",
    baseline: str | None = None,
    until: int | None = None,
    fdr: float = 0.05,
    hubs: str | None = None,
    hub: str | None = None,
    product: str | None = None,
    bound: Literal["upper", "lower"] = "upper",
    table: Literal["auto", "flows", "reports"] = "auto",
    catalogue: Path | None = None,
    shown: Shown = Shown(),
) -> int:
    """Where trade under a measure rose in third countries beyond what was expected.

    What is listed is consistent with diversion and needs review; it proves nothing.

    Examples: entrepot diversion --target RUS --form import-ban;
    entrepot diversion --target RUS --form import-ban --product gold --hub ARM;
    entrepot diversion --target RUS --sender EU --baseline 2021:2021 --store PATH.

    Parameters
    ----------
    target
        Country that the measures are about: ISO3 code or a name in any supported language.
    sender
        Countries or blocs that keep them, separated by commas; "all" takes every sender of the catalogue.
    form
        Goods that may not go to the target, or that may not come from it.
    baseline
        Years of comparison, as FIRST:LAST; 2019:2021 if left out, or as many of them as leave a placebo.
    until
        Last year of trade.
    fdr
        Level of the false-discovery rate.
    hubs
        Third countries or blocs to examine, separated by commas; all if left out.
    hub
        Show only these third countries; all that are examined stay in the calibration.
    product
        Show only these codes or words under a measure, separated by commas.
    bound
        Goods covered in full or in part, or only those covered in full.
    table
        Reconciled flows, or what each side reports; auto takes reports where there are any.
    catalogue
        Folder of further instruments, see docs/measures-format.md.
    """
    result = open_world(shown.store).diversion(
        target, sender=words(sender), form=form, baseline=years(baseline), until=until, fdr=fdr,
        hubs=words(hubs) or None, hub=words(hub), product=words(product), bound=bound, table=table,
        catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return show(result, shown)


def years(text: str | None) -> tuple[int, int] | None:
    """Read FIRST:LAST, or one year."""
    if text is None:
        return None
    first, _, last = text.partition(":")
    if not first.isdigit() or not (last or first).isdigit():
        raise InputError(f"'{text}' is no baseline", hint="write it as FIRST:LAST, for example 2019:2021")
    return int(first), int(last or first)
