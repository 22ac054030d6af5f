"""Whose value is in a country's output, and what it loses if an imported input stops."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.inputoutput import (
    content_by_origin,
    no_substitution_losses,
    partner_loss,
    supply_losses,
)
from entrepot.questions.localisation_table import Industry

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A kind of input below this share of the value of output is taken as replaceable: a convention.
MATERIAL = 0.01


@dataclass(frozen=True, slots=True)
class Content:
    """Origin of the value of a country's output; N countries, J industries.

    Attributes
    ----------
    share : ndarray, shape (N, J)
        Share of the value of industry j's output that arises in each country; NaN where there is no output.
    unattributed : ndarray, shape (J,)
        Share in input cells that the table leaves out as too small: of unknown, mostly foreign origin.
    output : ndarray, shape (J,)
        Gross output, USD.
    """

    share: FloatArray
    unattributed: FloatArray
    output: FloatArray

    def total(self, industries: IntArray) -> tuple[FloatArray, float]:
        """Return the shares of several industries together, weighted by output: by country, unattributed."""
        weight = self.output[industries]
        weight = weight / weight.sum()
        return (
            np.nansum(self.share[:, industries] * weight, axis=1),
            float(np.nansum(self.unattributed[industries] * weight)),
        )


@dataclass(frozen=True, slots=True)
class Stops:
    """What a country loses if imported inputs stop; P imported inputs, USD.

    Attributes
    ----------
    country, sector : ndarray of int, shape (P,)
        Seller's country and industry, as places in the table's axes.
    bought : ndarray, shape (P,)
        Purchases of the input.
    of_kind : ndarray, shape (P,)
        Its share of all purchases of that kind of input, home included; between 0 and 1.
    output, value_added : ndarray, shape (P,)
        Gross output and value added lost in the buying country, linear supply side.
    value_added_bottleneck, value_added_upper : ndarray, shape (P,)
        Value added lost if nothing can replace the input: where its kind is `MATERIAL`, and however small.
    seller_output : ndarray, shape (P,)
        Gross output lost in the seller's own country, linear demand side.
    """

    country: IntArray
    sector: IntArray
    bought: FloatArray
    of_kind: FloatArray
    output: FloatArray
    value_added: FloatArray
    value_added_bottleneck: FloatArray
    value_added_upper: FloatArray
    seller_output: FloatArray


@dataclass(frozen=True, slots=True)
class PartnerStops:
    """The same for all inputs of one partner together; N countries, USD; 0 for home."""

    bought: FloatArray
    output: FloatArray
    value_added: FloatArray
    value_added_bottleneck: FloatArray
    value_added_upper: FloatArray


def content_of(table: Industry, country: str) -> Content:
    """Return the origin of the value of each industry's output."""
    rows = table.rows(country)
    shares = content_by_origin(table.inverse[:, rows], table.value_added, table.owner)
    weights = _weights(table, rows)
    with np.errstate(invalid="ignore"):
        mean = (shares @ weights) / weights.sum(axis=0)
    output = 1e6 * weights.sum(axis=0)
    # What rounding leaves of complete columns is no missing input.
    rest = 1.0 - mean.sum(axis=0)
    return Content(mean, np.where(np.abs(rest) < 1e-9, 0.0, rest), output)


def stops_of(
    table: Industry, country: str, home: Collection[str], using: IntArray
) -> tuple[Stops, PartnerStops]:
    """Return the loss from the stop of every imported input, and of every partner.

    Parameters
    ----------
    table : Industry
    country : str
        The buyer.
    home : collection of str
        Countries whose inputs do not count as imported: the buyer, or its group.
    using : ndarray of int
        Industries (places among the table's sectors) whose loss counts; all for the whole country.
    """
    rows = table.rows(country)
    inside = np.isin(table.owner, [table.countries.index(iso3) for iso3 in home])
    foreign = np.flatnonzero(~inside)
    sales = table.sales_to(rows)
    needs = sales * table.per_output[rows]
    own, towards = table.inverse[np.ix_(rows, rows)], table.inverse[rows][:, foreign]
    kinds = np.zeros((len(table.sectors), len(rows)))
    np.add.at(kinds, table.sector, needs)
    kind = kinds[table.sector[foreign]]
    counted = np.isin(table.sector[rows], using)
    made = 1e6 * np.where(counted, table.output[rows], 0.0)
    value = made * table.value_added[rows]
    needs = needs[foreign]
    linear = supply_losses(needs, own, towards)
    floor = linear @ value
    bottleneck = no_substitution_losses(needs, kind, own, material=MATERIAL) @ value
    upper = no_substitution_losses(needs, kind, own) @ value
    bought, of_kind = _purchases(sales[foreign], kind * table.output[rows], counted)
    orders = (needs @ (1e6 * table.output[rows])) / (1.0 + np.einsum("pm,mp->p", needs, towards))
    single = Stops(
        country=table.owner[foreign],
        sector=table.sector[foreign],
        bought=bought,
        of_kind=of_kind,
        output=linear @ made,
        value_added=floor,
        value_added_bottleneck=np.maximum(bottleneck, floor),
        value_added_upper=np.maximum(upper, floor),
        seller_output=orders * _multiplier(table)[foreign],
    )
    together = _partners(table, foreign, needs, kind, own, towards, made, value)
    return _joined(single), PartnerStops(_by_country(table, single, bought), *together)


def _weights(table: Industry, rows: IntArray) -> FloatArray:
    """Return output of each row in the column of its industry, shape (K, J)."""
    found = np.zeros((len(rows), len(table.sectors)))
    found[np.arange(len(rows)), table.sector[rows]] = table.output[rows]
    return found


def _purchases(
    sales: FloatArray, kinds: FloatArray, counted: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return USD bought of each input by the industries that count, and its share of that kind."""
    bought, all_of = sales[:, counted].sum(axis=1), kinds[:, counted].sum(axis=1)
    return 1e6 * bought, np.divide(bought, all_of, out=np.zeros_like(bought), where=all_of > 0)


def _multiplier(table: Industry) -> FloatArray:
    """Return the output that each country makes for one unit of final output of its own industries."""
    found = np.empty(len(table.output))
    for place in range(len(table.countries)):
        rows = np.flatnonzero(table.owner == place)
        found[rows] = table.inverse[np.ix_(rows, rows)].sum(axis=0)
    return found


def _partners(
    table: Industry, foreign: IntArray, needs: FloatArray, kind: FloatArray, own: FloatArray,
    towards: FloatArray, made: FloatArray, value: FloatArray,
) -> tuple[FloatArray, ...]:  # fmt: skip
    """Return output and value added lost with each partner: linear, with bottlenecks, upper bound."""
    output, linear, bottleneck, upper = (np.zeros(len(table.countries)) for _ in range(4))
    shares = np.divide(needs, kind, out=np.zeros_like(needs), where=kind > 0)
    for place in np.unique(table.owner[foreign]):
        chosen = table.owner[foreign] == place
        lost = partner_loss(needs[chosen], own, towards[:, chosen])
        output[place], linear[place] = lost @ made, lost @ value
        for found, least in ((bottleneck, MATERIAL), (upper, 0.0)):
            # The scarcest kind of input limits an industry.
            scarce = np.where(kind[chosen] >= least, shares[chosen], 0.0).max(axis=0, initial=0.0)
            found[place] = max(np.minimum(scarce @ own, 1.0) @ value, linear[place])
    return output, linear, bottleneck, upper


def _by_country(table: Industry, stops: Stops, amounts: FloatArray) -> FloatArray:
    found = np.zeros(len(table.countries))
    np.add.at(found, stops.country, amounts)
    return found


def _joined(stops: Stops) -> Stops:
    """Add up the parts of a country that the table splits; the parts' losses together are an upper value."""
    pairs = np.stack([stops.country, stops.sector], axis=1)
    found, group = np.unique(pairs, axis=0, return_inverse=True)
    if len(found) == len(pairs):
        return stops
    names = ("bought", "of_kind", "output", "value_added", "value_added_bottleneck",
             "value_added_upper", "seller_output")  # fmt: skip
    sums = {name: np.zeros(len(found)) for name in names}
    for name, total in sums.items():
        np.add.at(total, group.ravel(), getattr(stops, name))
    return Stops(country=found[:, 0], sector=found[:, 1], **sums)
