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
        Country that the measures are about: ISO3 code or a name in any supported language.
    sender
        Country or bloc that applies them; all in the catalogue if left out.
    at
        Day of the law, as YYYY-MM-DD; for each sender the last day that the catalogue knows if left out.
    over
        A time line instead of one day: years as FIRST:LAST, or days or years separated by commas.
    level
        HS digits of the detailed table; 2 if left out.
    base
        Year of the trade that is compared; the last observed one before the day if left out.
    kinds
        Kinds that count as covering trade, of: ban, licence, quota, price_cap, guidance, reference.
    carry_forward
        Whether law without a printed end still stands after the last day that the catalogue knows.
    catalogue
        Folder of further instruments, see docs/measures-format.md.
    """
    counted = [word.strip() for word in kinds.split(",")]
    result = open_world(shown.store).coverage(
        target, sender=sender, at=at, over=periods(over), level=level, base=base, kinds=counted,
        carry_forward=carry_forward, catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return show(result, shown)
