"""How the answer of ``localisation`` is laid out in tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entrepot.questions import words
from entrepot.questions.localisation_content import Content
from entrepot.questions.localisation_table import Industry, country_name, sector_name
from entrepot.result import Column, Table
from entrepot.world import blocs

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.questions.localisation import Ask, Measured

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

HOME, UNION, UNATTRIBUTED = "home", "union", "unattributed"
# Of the imported inputs a reader sees the first; all are in the part.
SHOWN_INPUTS = 10


@dataclass(frozen=True, slots=True)
class Origins:
    """Content of output by group of countries; O groups, J industries.

    Attributes
    ----------
    ids : tuple of str
        ``home``, the rest of the asked group, the blocs of the page, ``unattributed``.
    labels : dict of str to str
    share : ndarray, shape (O, J)
        NaN where an industry has no output.
    """

    ids: tuple[str, ...]
    labels: dict[str, str]
    share: FloatArray

    def total(self, content: Content, using: IntArray) -> FloatArray:
        """Return the shares of several industries together, weighted by output, shape (O,)."""
        weight = content.output[using] / content.output[using].sum()
        return np.asarray(self.share[:, using] @ weight)


def by_origin(ask: Ask, table: Industry, content: Content) -> Origins:
    """Add the content up by group of countries; groups without any are left out."""
    groups = blocs.partition_groups("meeting")
    of = blocs.partition("meeting", ask.year)
    union = _union(ask)
    place = [_origin(iso3, ask, of, union) for iso3 in table.countries]
    labels = {HOME: country_name(ask.country, ask.lang), union: _rest(ask)}
    for group in groups:
        same = group.id == of.get(ask.country)
        labels[group.id] = _rest_label(group.label) if same else group.label
    labels[UNATTRIBUTED] = "Not attributed"
    ids = [HOME, *dict.fromkeys([union, *(group.id for group in groups)])]
    rows = [content.share[np.array([p == name for p in place])].sum(axis=0) for name in ids]
    share = np.vstack([*rows, content.unattributed])
    ids.append(UNATTRIBUTED)
    kept = [i for i in range(len(ids)) if i == 0 or np.nanmax(share[i], initial=0.0) > 0]
    names = tuple(ids[i] for i in kept)
    return Origins(names, {name: labels[name] for name in names}, share[kept])


def _union(ask: Ask) -> str:
    """Return the id of the asked group, which keeps the colour of a bloc of the page where it is one."""
    known = {group.id for group in blocs.partition_groups("meeting")}
    return ask.group if ask.group in known else UNION


def _origin(iso3: str, ask: Ask, of: dict[str, str], union: str) -> str:
    if iso3 == ask.country:
        return HOME
    if ask.group is not None and iso3 in ask.home:
        return union
    return of.get(iso3, "other")


def _rest(ask: Ask) -> str:
    title = blocs.blocs()[ask.group].title if ask.group else ""
    return f"Rest of {title}" if ask.member else title


def _rest_label(label: str) -> str:
    return label if label.startswith("Rest of ") or label == "Other" else f"Rest of {label}"


def main(ask: Ask, found: Measured, origins: Origins, using: IntArray) -> Table:
    """One row per industry and origin: share of the value of output, and its amount."""
    import pyarrow as pa

    o, j = np.nonzero(origins.share[:, using] != 0)
    at = using[j]
    share = origins.share[o, at]
    data = pa.table(
        {
            "year": pa.array([ask.year] * len(o), pa.int16()),
            "sector": _text(found.table.sectors[k] for k in at),
            "name": _text(sector_name(found.table.sectors[k]) for k in at),
            "origin": _text(origins.ids[i] for i in o),
            "origin_name": _text(origins.labels[origins.ids[i]] for i in o),
            "share": pa.array(_short(share)),
            "value": pa.array(np.rint(share * found.content.output[at])),
        }
    )
    columns = (
        Column("year", "Year", format="year"),
        Column("sector", "Industry", format="code"),
        Column("name", "Name"),
        Column("origin", "Key", format="code", doc="home, a bloc, or unattributed (cells left out)"),
        Column("origin_name", "Origin"),
        Column("share", "Share", "of the value of output", "percent"),
        Column("value", "Value", "USD", "integer", doc="share of gross output"),
    )
    return Table("localisation", _title("Origin of the value of output", ask), data, columns)


def display(ask: Ask, found: Measured, using: IntArray) -> Table:
    """One row per industry, largest output first, under a row for all: home, largest partner, imported."""
    import pyarrow as pa

    content = found.content
    order = using[np.argsort(-content.output[using], kind="stable")]
    share, output = content.share[:, order], content.output[order]
    names = [sector_name(found.table.sectors[j]) for j in order]
    if len(order) > 1:
        share = np.column_stack([content.total(using)[0], share])
        output, names = np.append(output.sum(), output), ["All industries", *names]
    home = found.table.countries.index(ask.country)
    abroad = share.copy()
    abroad[home] = 0.0
    top = abroad.argmax(axis=0)
    scale, unit, digits = words.scale_for(output.tolist())
    data = pa.table(
        {
            "name": _text(names),
            "output": pa.array(output / scale),
            "domestic": pa.array(_short(share[home])),
            "foreign": pa.array(_short(1.0 - share[home])),
            "partner": _text(country_name(found.table.countries[i], ask.lang) for i in top),
            "from_partner": pa.array(_short(abroad.max(axis=0))),
        }
    )
    columns = (
        Column("name", "Industry"),
        Column("output", "Gross output", unit, "decimal", digits),
        Column("domestic", "Own", "of value", "percent"),
        Column("foreign", "Foreign", "of value", "percent"),
        Column("partner", "Largest foreign origin"),
        Column("from_partner", "Its share", "of value", "percent"),
    )
    return Table("industries", _title("Own and foreign value in output", ask), data, columns)


def content(ask: Ask, found: Measured, using: IntArray) -> Table:
    """One row per industry and country of origin, the largest of each industry first."""
    import pyarrow as pa

    n, j = np.nonzero(found.content.share[:, using] > 0)
    order = np.lexsort((n, -np.round(found.content.share[n, using[j]], 9), j))
    n, j = n[order], j[order]
    at = using[j]
    data = pa.table(
        {
            "sector": _text(found.table.sectors[k] for k in at),
            "country": _text(found.table.countries[i] for i in n),
            "name": _text(country_name(found.table.countries[i], ask.lang) for i in n),
            "share": pa.array(_short(found.content.share[n, at])),
        }
    )
    columns = (
        Column("sector", "Industry", format="code"),
        Column("country", "Origin", format="code"),
        Column("name", "Country"),
        Column("share", "Share", "of the value of output", "percent"),
    )
    return Table("content", _title("Value of output by country of origin", ask), data, columns)


def partners(ask: Ask, found: Measured, using: IntArray) -> Table:
    """One row per partner, largest loss first: content, purchases, and the loss if all its inputs stop."""
    import pyarrow as pa

    lost = found.partners
    shares, _ = found.content.total(using)
    order = [
        i for i in np.argsort(-lost.value_added, kind="stable") if found.table.countries[i] not in ask.home
    ]
    total = value_added(ask, found.table, using)
    of, other = blocs.partition("meeting", ask.year), blocs.partition_groups("meeting")[-1].id
    codes = [found.table.countries[i] for i in order]
    data = pa.table(
        {
            "country": _text(codes),
            "name": _text(country_name(iso3, ask.lang) for iso3 in codes),
            "bloc": _text(words.label(of.get(iso3, other), "bloc") for iso3 in codes),
            "content": pa.array(_short(shares[order])),
            "bought": pa.array(np.rint(lost.bought[order])),
            "output_lost": pa.array(np.rint(lost.output[order])),
            "value_added_lost": pa.array(np.rint(lost.value_added[order])),
            "share_lost": pa.array(_short(lost.value_added[order] / total)),
            "share_lost_bottleneck": pa.array(_short(lost.value_added_bottleneck[order] / total)),
            "share_lost_upper": pa.array(_short(lost.value_added_upper[order] / total)),
        }
    )
    columns = (
        Column("country", "Partner", format="code"),
        Column("name", "Name"),
        Column("bloc", "Bloc"),
        Column("content", "Its value", "in output", "percent"),
        Column("bought", "Inputs bought", "USD", "integer"),
        *_loss_columns("all its inputs stop"),
    )
    return Table("partners", _title("Dependence on each partner", ask), data, columns)


def ranked_inputs(ask: Ask, found: Measured, using: IntArray) -> IntArray:
    """Return the imported inputs that are bought, by loss of value added, largest first."""
    stops = found.stops
    order = np.argsort(-np.rint(stops.value_added), kind="stable")
    kept = stops.bought[order] > 0
    if ask.partner is not None:
        kept &= stops.country[order] == found.table.countries.index(ask.partner)
    return np.asarray(order[kept], dtype=np.intp)


def inputs(ask: Ask, found: Measured, ranked: IntArray, using: IntArray) -> Table:
    """One row per imported input, the one that would hurt most first."""
    import pyarrow as pa

    stops, table = found.stops, found.table
    total = value_added(ask, table, using)
    data = pa.table(
        {
            "country": _text(table.countries[i] for i in stops.country[ranked]),
            "sector": _text(table.sectors[i] for i in stops.sector[ranked]),
            "name": _text(input_name(ask, found, k) for k in ranked),
            "bought": pa.array(np.rint(stops.bought[ranked])),
            "share_of_kind": pa.array(_short(stops.of_kind[ranked])),
            "output_lost": pa.array(np.rint(stops.output[ranked])),
            "value_added_lost": pa.array(np.rint(stops.value_added[ranked])),
            "share_lost": pa.array(_short(stops.value_added[ranked] / total)),
            "share_lost_bottleneck": pa.array(_short(stops.value_added_bottleneck[ranked] / total)),
            "share_lost_upper": pa.array(_short(stops.value_added_upper[ranked] / total)),
            "seller_output_lost": pa.array(np.rint(stops.seller_output[ranked])),
        }
    )
    columns = (
        Column("country", "Seller", format="code"),
        Column("sector", "Input", format="code"),
        Column("name", "What"),
        Column("bought", "Bought", "USD", "integer"),
        Column("share_of_kind", "Of that kind", "of purchases", "percent", doc="home supply included"),
        *_loss_columns("the input stops"),
        Column("seller_output_lost", "Seller's output lost", "USD", "integer", doc="linear, demand side"),
    )
    return Table("inputs", _title("Imported inputs that would hurt most if they stopped", ask), data, columns)


def input_name(ask: Ask, found: Measured, place: int) -> str:
    """Name an imported input by what it is and who sells it."""
    stops = found.stops
    what = sector_name(found.table.sectors[stops.sector[place]])
    return f"{what}, {country_name(found.table.countries[stops.country[place]], ask.lang)}"


def value_added(ask: Ask, table: Industry, using: IntArray) -> float:
    """Return the value added of the industries whose losses count, USD."""
    rows = table.rows(ask.country)
    rows = rows[np.isin(table.sector[rows], using)]
    return float(1e6 * table.output[rows] @ table.value_added[rows])


def _loss_columns(what: str) -> tuple[Column, ...]:
    return (
        Column("output_lost", "Output lost", "USD", "integer", doc=f"if {what}; linear, supply side"),
        Column("value_added_lost", "Value added lost", "USD", "integer", doc="linear, supply side"),
        Column("share_lost", "Linear loss", "of value added", "percent"),
        Column(
            "share_lost_bottleneck",
            "Bottleneck loss",
            "of value added",
            "percent",
            doc="nothing replaces it where its kind is at least 1% of the value of output",
        ),
        Column(
            "share_lost_upper",
            "Upper bound",
            "of value added",
            "percent",
            doc="nothing replaces it, and every trace of it is indispensable",
        ),
    )  # fmt: skip


def _title(what: str, ask: Ask) -> str:
    some = "" if ask.sector is None else f", {sector_name(ask.sector)}"
    return f"{what}, {country_name(ask.country, ask.lang)}{some}, {ask.year}"


def _short(values: FloatArray) -> FloatArray:
    """Round shares: the last digits of a matrix product differ from machine to machine."""
    return np.round(values, 9)


def _text(values: Any) -> pa.Array[Any]:
    import pyarrow as pa

    listed: Sequence[str] = list(values)
    return pa.array(listed, pa.string())
