"""Where the value of exports comes from and ends: one call for six accounting methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inputoutput.accounts import Accounts, accounts
from entrepot.models.inputoutput.borin_mancini import Terms, pair_based, sink_based, source_based
from entrepot.models.inputoutput.tiva import indicators
from entrepot.models.inputoutput.wang_wei_zhu import nine_terms, sixteen_terms

FloatArray = NDArray[np.float64]
Method = Literal["bm-source", "bm-sink", "wwz", "kww", "my", "oecd"]
Perimeter = Literal["exporter", "pair"]


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Exports by industry and partner, split by origin and destination of the value in them.

    Attributes
    ----------
    method : str
        Accounting method.
    perimeter : str
        ``exporter`` (value is double counted once it crosses the exporter's border again) or ``pair``.
    exporter : ndarray of int, shape (R,)
        Exporter of each row: the country, or the group that it belongs to.
    terms : mapping of str to ndarray, shape (R, G)
        By name, [exporting industry, partner], in the unit of the table; 0 towards oneself. ``EXGR`` gross
        exports, ``DC`` domestic content = ``DVA`` domestic value added + ``DDC`` domestic double counting,
        ``FC`` foreign content = ``FVA`` + ``FDC``, ``VAX`` value added absorbed abroad, ``REF`` value added
        that returns home, ``DAVAX`` absorbed by the direct importer, ``VAXIM`` the same by sink, ``GVC`` =
        EXGR - DAVAX, of it backward ``GVCB`` and forward ``GVCF``. Which there are depends on the method.
    """

    method: Method
    perimeter: Perimeter
    exporter: NDArray[np.intp]
    terms: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        """Return a term [exporting industry, partner]; raises ValueError if the method does not define it."""
        try:
            return self.terms[name]
        except KeyError:
            raise ValueError(
                f"method '{self.method}' has no term '{name}', only {', '.join(self.terms)}"
            ) from None

    def by_partner(self, name: str) -> FloatArray:
        """Return a term summed over industries, [exporter, partner], shape (G, G)."""
        term = self[name]
        found = np.zeros((term.shape[1], term.shape[1]))
        np.add.at(found, self.exporter, term)
        return found

    def by_exporter(self, name: str) -> FloatArray:
        """Return a term summed over industries and partners, shape (G,)."""
        return np.asarray(self.by_partner(name).sum(axis=1), dtype=np.float64)


def decompose(
    Z: ArrayLike,
    Y: ArrayLike,
    X: ArrayLike,
    *,
    method: Method = "bm-source",
    perimeter: Perimeter = "exporter",
    groups: ArrayLike | None = None,
    inverse: ArrayLike | None = None,
) -> Decomposition:
    """Decompose the gross exports of every country, industry and partner with one matrix inverse.

    Rows are industries country by country. Value added is what intermediate inputs leave of output,
    ``v = 1 - colsum(Z) / X``. Exports are all sales, intermediate and final, to another exporter's territory.

    Parameters
    ----------
    Z : array_like, shape (N*J, N*J)
        Intermediate sales [seller, buyer], >= 0, any one unit.
    Y : array_like, shape (N*J, N)
        Final demand [seller, country of use]; negative cells (stocks run down) are allowed.
    X : array_like, shape (N*J,)
        Gross output; the row sums of Z and Y to within 0.1 % of the largest output.
    method : {"bm-source", "bm-sink", "wwz", "kww", "my", "oecd"}
        Borin and Mancini (source-based, sink-based), Wang, Wei and Zhu, Koopman, Wang and Wei, Miroudot and
        Ye, OECD TiVA. "my" agrees with "bm-source" in the terms that both define.
    perimeter : {"exporter", "pair"}
        What counts as crossing twice; "pair" for "bm-source" only, and its terms do not add up over partners.
    groups : array_like of int, shape (N,), optional
        Exporter of each country, from 0 without gaps: countries with the same number form one exporter, whose
        inner trade is domestic. A country split into several rows is a group whose other parts have empty
        columns in Y.
    inverse : array_like, shape (N*J, N*J), optional
        Leontief inverse of the same table, where it is at hand.

    Returns
    -------
    Decomposition

    Raises
    ------
    ValueError
        For an unknown option, arrays that do not fit or hold NaN, or a table that cannot be inverted.

    Notes
    -----
    Where X and the row sums of Z and Y differ by rounding, DVA is computed from exports, REF from final
    demand, and VAX is the rest.

    Examples
    --------
    Two countries with one industry each; A sells 10 of inputs to B, B 5 to A.

    >>> made = decompose([[0, 10], [5, 0]], [[20, 0], [0, 35]], [30, 40])
    >>> {name: made.by_exporter(name).round(3).tolist() for name in ("EXGR", "DVA", "FVA", "REF")}
    {'EXGR': [10.0, 5.0], 'DVA': [8.333, 3.75], 'FVA': [1.25, 1.042], 'REF': [0.725, 1.141]}
    """
    _check_options(method, perimeter)
    data = accounts(Z, Y, X, groups, inverse)
    if method in ("bm-source", "my"):
        terms = _with_sums(pair_based(data) if perimeter == "pair" else source_based(data))
        if method == "my":
            terms = {name: terms[name] for name in ("DC", "DVA", "DDC", "FC", "FVA", "FDC")}
    else:
        terms = _OTHERS[method](data)
    terms = {"EXGR": data.exports, **terms}
    if "DAVAX" in terms:
        terms["GVC"] = terms["EXGR"] - terms["DAVAX"]
        terms["GVCB"] = terms["EXGR"] - terms["DVA"]
        terms["GVCF"] = terms["DVA"] - terms["DAVAX"]
    return _in_order(data, method, perimeter, terms)


def _check_options(method: str, perimeter: str) -> None:
    """Refuse unknown options and perimeters that a method does not have."""
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got '{method}'")
    if perimeter not in get_args(Perimeter):
        raise ValueError(f"perimeter must be one of {', '.join(get_args(Perimeter))}, got '{perimeter}'")
    if perimeter == "pair" and method != "bm-source":
        raise ValueError(f"perimeter 'pair' is defined for method 'bm-source' only, not for '{method}'")


def _with_sums(terms: Terms) -> Terms:
    """Add domestic and foreign content, and value added absorbed abroad as the rest of DVA."""
    return {
        "DC": terms["DVA"] + terms["DDC"],
        "DVA": terms["DVA"],
        "VAX": terms["DVA"] - terms["REF"],
        "FC": terms["FVA"] + terms["FDC"],
        **{name: term for name, term in terms.items() if name != "DVA"},
    }


def _sink(data: Accounts) -> Terms:
    return _with_sums(sink_based(data))


def _koopman(data: Accounts) -> Terms:
    """Return the nine terms and their sums."""
    nine = nine_terms(data)
    vax = nine["DVA_FIN"] + nine["DVA_INT"] + nine["DVA_INTrex"]
    ref = nine["RDV_FIN"] + nine["RDV_INT"]
    fva = nine["FVA_FIN"] + nine["FVA_INT"]
    sums = {"DVA": vax + ref, "REF": ref, "DDC": nine["DDC"], "FVA": fva, "FDC": nine["FDC"]}
    return {**_with_sums(sums), **nine}


def _wang(data: Accounts) -> Terms:
    """Return the sixteen terms and their sums."""
    terms = sixteen_terms(data)

    def total(*names: str) -> FloatArray:
        return np.asarray(sum(terms[name] for name in names), dtype=np.float64)

    ref = total("RDV_INT", "RDV_FIN", "RDV_FIN2")
    sums = {
        "DVA": ref + total("DVA_FIN", "DVA_INT", "DVA_INTrexI1", "DVA_INTrexF", "DVA_INTrexI2"),
        "REF": ref,
        "DDC": total("DDC_FIN", "DDC_INT"),
        "FVA": total("OVA_FIN", "MVA_FIN", "OVA_INT", "MVA_INT"),
        "FDC": total("ODC", "MDC"),
    }
    return {**_with_sums(sums), **terms}


def _tiva(data: Accounts) -> Terms:
    """Return the indicators and their sums; REF is a difference of two accounts, sound as a total only."""
    terms = indicators(data)
    return {
        "DC": terms["DVA"] + terms["DDC"],
        **terms,
        "REF": terms["DVA"] - terms["VAX"],
        "GVC": terms["FC"] + terms["GVCF"],
        "GVCB": terms["FC"],
    }


_OTHERS: dict[str, Callable[[Accounts], Terms]] = {
    "bm-sink": _sink,
    "wwz": _wang,
    "kww": _koopman,
    "oecd": _tiva,
}


def _in_order(data: Accounts, method: Method, perimeter: Perimeter, terms: Terms) -> Decomposition:
    """Put the rows back into the caller's order and freeze everything."""
    exporter = np.empty(len(data.order), dtype=np.intp)
    for place, block in enumerate(data.blocks):
        exporter[data.order[block]] = place
    same = np.array_equal(data.order, np.arange(len(data.order)))
    back = np.argsort(data.order)
    placed = {name: term if same else term[back] for name, term in terms.items()}
    for array in (exporter, *placed.values()):
        array.setflags(write=False)
    return Decomposition(method, perimeter, exporter, MappingProxyType(placed))
