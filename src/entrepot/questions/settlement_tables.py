"""Tables and figures of the settlements question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entrepot.models.clearing import STAGES, Clearing
from entrepot.result import Column, Figure, Table

if TYPE_CHECKING:
    import pyarrow as pa

LABELS = {
    "gross": "Gross obligations",
    "offset": "After bilateral offset",
    "cycles": "After clearing of rings",
    "house": "Through a clearing house",
}
_STEPS = ("Gross obligations", "Bilateral offset", "Clearing of rings", "Clearing house", "Net payments")


def _scale(cleared: Clearing) -> tuple[float, str, int]:
    """Return divisor, unit and digits that suit the gross sum."""
    return (1e9, "USD bn", 2) if cleared.totals[0] >= 1e9 else (1e6, "USD m", 1)


def stages(cleared: Clearing) -> Table:
    """One row per stage: what is to be paid, what is cleared, and its share of gross."""
    import pyarrow as pa

    data = pa.table(
        {
            "stage": pa.array(STAGES, pa.string()),
            "payments": pa.array(cleared.totals),
            "cleared": pa.array(cleared.totals[0] - cleared.totals),
            "share_cleared": pa.array(cleared.share_cleared),
        }
    )
    columns = (
        Column("stage", "Stage", format="code", doc="gross, offset (by pair), cycles (rings) or house"),
        Column("payments", "To be paid", "USD", "integer"),
        Column("cleared", "Cleared", "USD", "integer"),
        Column("share_cleared", "Share cleared", "of gross", "percent"),
    )
    return Table("settlements", "What is to be paid at each stage of clearing", data, columns)


def display(cleared: Clearing) -> Table:
    """The stages laid out for reading."""
    import pyarrow as pa

    scale, unit, digits = _scale(cleared)
    data = pa.table(
        {
            "stage": pa.array([LABELS[stage] for stage in STAGES], pa.string()),
            "payments": pa.array(cleared.totals / scale),
            "cleared": pa.array((cleared.totals[0] - cleared.totals) / scale),
            "share_cleared": pa.array(cleared.share_cleared),
        }
    )
    columns = (
        Column("stage", "Stage"),
        Column("payments", "To be paid", unit, "decimal", digits),
        Column("cleared", "Cleared", unit, "decimal", digits),
        Column("share_cleared", "Share cleared", "of gross", "percent"),
    )
    return Table("stages", f"Payments at each stage of clearing, {unit}", data, columns)


def positions(cleared: Clearing, names: Mapping[str, str]) -> Table:
    """One row per member, largest creditor first: claims, debts and the net position."""
    import pyarrow as pa

    members = list(names)
    order = np.argsort(-cleared.net, kind="stable")
    dark = (~cleared.observed).sum(axis=1)
    # Below this a position is what rounding left of equal claims and debts.
    noise = 1e-12 * (cleared.gross.sum(axis=0) + cleared.gross.sum(axis=1))
    role = np.where(cleared.net > noise, "creditor", np.where(cleared.net < -noise, "debtor", "balanced"))
    data = pa.table(
        {
            "country": pa.array([members[i] for i in order], pa.string()),
            "name": pa.array([names[members[i]] for i in order], pa.string()),
            "claims": pa.array(cleared.gross.sum(axis=0)[order]),
            "debts": pa.array(cleared.gross.sum(axis=1)[order]),
            "net": pa.array(cleared.net[order]),
            "role": pa.array(role[order].tolist(), pa.string()),
            "not_observed": pa.array(dark[order], pa.int64()),
        }
    )
    columns = (
        Column("country", "Code", format="code"),
        Column("name", "Member"),
        Column("claims", "Claims", "USD", "integer", doc="exports to the other members, observed pairs"),
        Column("debts", "Debts", "USD", "integer", doc="imports from the other members, observed pairs"),
        Column("net", "Net position", "USD", "integer", doc="claims less debts, the same at every stage"),
        Column("role", "Ends as", doc="creditor, debtor or balanced"),
        Column("not_observed", "Partners not observed", "", "integer"),
    )
    return Table("positions", "Net positions of the members", data, columns)


def bilateral(cleared: Clearing, names: Mapping[str, str]) -> Table:
    """One row per debtor and creditor: owed, after offset, cleared in rings and what remains."""
    import pyarrow as pa

    members = np.array(list(names), dtype=object)
    debtor, creditor = np.nonzero((cleared.gross > 0) | ~cleared.observed)
    order = np.argsort(-cleared.gross[debtor, creditor], kind="stable")
    debtor, creditor = debtor[order], creditor[order]
    hidden = ~cleared.observed[debtor, creditor]

    def cells(matrix: NDArray[np.float64]) -> pa.Array[Any]:
        return pa.array(matrix[debtor, creditor], pa.float64(), mask=hidden)

    data = pa.table(
        {
            "debtor": pa.array(members[debtor], pa.string()),
            "creditor": pa.array(members[creditor], pa.string()),
            "gross": cells(cleared.gross),
            "after_offset": cells(cleared.offset),
            "cleared_in_rings": cells(cleared.cycles),
            "after_rings": cells(cleared.after_cycles),
            "status": pa.array(np.where(hidden, "not observed", "observed").tolist(), pa.string()),
        }
    )
    columns = (
        Column("debtor", "Debtor", format="code", doc="the importer"),
        Column("creditor", "Creditor", format="code", doc="the exporter"),
        Column("gross", "Owed", "USD", "integer", doc="null where neither side published"),
        Column("after_offset", "After bilateral offset", "USD", "integer"),
        Column("cleared_in_rings", "Cleared in rings", "USD", "integer"),
        Column("after_rings", "After clearing of rings", "USD", "integer"),
        Column("status", "Status", doc="observed or not observed"),
    )
    return Table("bilateral", "Who owes whom, before and after", data, columns)


def waterfall(cleared: Clearing, title: str, subtitle: str) -> Figure:
    """Describe the way from gross obligations to net payments."""
    import pyarrow as pa

    scale, unit, _ = _scale(cleared)
    values = [cleared.totals[0], *np.diff(cleared.totals), cleared.totals[-1]]
    data = pa.table(
        {
            "step": pa.array(_STEPS, pa.string()),
            "value": pa.array([float(value) / scale for value in values]),
            "kind": pa.array(["total", "step", "step", "step", "total"], pa.string()),
        }
    )
    drops = ", ".join(
        f"{step.lower()} {value / scale:,.1f}" for step, value in zip(_STEPS, values, strict=True)
    )
    return Figure(
        name="gross-to-net",
        kind="waterfall",
        title=title,
        subtitle=f"{unit}. {subtitle}",
        alt=f"Waterfall in {unit}: {drops}.",
        data=data,
        encode={"label": "step", "value": "value", "kind": "kind"},
    )


def net_positions(cleared: Clearing, names: Mapping[str, str], subtitle: str) -> Figure:
    """Describe who ends as creditor and who as debtor, largest creditor first."""
    import pyarrow as pa

    scale, unit, _ = _scale(cleared)
    labels = list(names.values())
    order = np.argsort(-cleared.net, kind="stable")
    top, bottom = int(order[0]), int(order[-1])
    data = pa.table(
        {
            "country": pa.array([labels[i] for i in order], pa.string()),
            "value": pa.array(cleared.net[order] / scale),
        }
    )
    title = f"{labels[top]} ends as the largest creditor, {labels[bottom]} as the largest debtor"
    sums = f"{cleared.net[top] / scale:+,.1f} and {cleared.net[bottom] / scale:+,.1f} {unit}"
    return Figure(
        name="net-positions",
        kind="net",
        title=title,
        subtitle=f"Net position, {unit}; positive = is owed more than it owes. {subtitle}",
        alt=f"Bars of net positions: {title.lower()} ({sums}).",
        data=data,
        encode={"label": "country", "value": "value"},
    )
