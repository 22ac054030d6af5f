"""`entrepot coverage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from entrepot.cli.app import app
from entrepot.cli.options import Shown, periods
from entrepot.cli.terminal import open_world, show


@app.command(sort_key=2)
def coverage(
    target: str,
    /,
    *,
    sender: str | None = None,
    at: str | None = None,
    over: str | None = None,
    level: Literal[2, 4] | None = None,
    base: int | None = None,
    kinds: str = "ban,licence",
    carry_forward: Annotated[bool, Parameter(negative="--no-carry-forward")] = True,
    catalogue: Path | None = None,
    shown: Shown = Shown(),
) -> int:
    """Which positions are in the sphere of whose measures, and how much trade they cover.

    Examples: entrepot coverage RUS --sender EU --at 2022-12-31; entrepot coverage BLR;
    entrepot coverage RUS --sender CAN --over 2020:2025.

    Parameters
    ----------
    target
        Country that the measures are about.
    sender
        Country or bloc that applies them; all in the catalogue if left out.
    at
        Day, as YYYY-MM-DD.
    over
        A time line: years as FIRST:LAST, or days or years separated by commas.
    level
        HS digits of the detailed table.
    base
        Year of the trade that is compared; the last observed one before the day if left out.
    kinds
        Kinds of measures that count as covering trade, separated by commas.
    carry_forward
        Take law without a printed end as standing after the day up to which the catalogue was read.
    catalogue
        Folder of further instruments, see docs/measures-format.md.
    """
    counted = [word.strip() for word in kinds.split(",")]
    result = open_world(shown.store).coverage(
        target, sender=sender, at=at, over=periods(over), level=level, base=base, kinds=counted,
        carry_forward=carry_forward, catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return show(result, shown)
