"""Exports by value added, after Borin and Mancini: source-based, sink-based, exporter or pair perimeter.

Value added that crosses a border more than once is counted once and the rest is double counting. Source-based
accounting counts it the first time it leaves the perimeter, sink-based the last time. With the perimeter of
the exporter, ``B^{/s}`` is the inverse of the table without the intermediate exports of s; with that of the
pair, ``B^{/sr}`` is that without the intermediate exports of s to r. Both follow from one inverse:

    B^{/s}_{:,s}  = B_{:,s} B_ss^-1 L_ss            B^{/sr}_{:,s} = B_{:,s} (I + A_sr B_rs)^-1

References
----------
Borin, A., & Mancini, M. (2023). Measuring What Matters in Value-Added Trade. Economic Systems Research 35(4),
586-613, doi:10.1080/09535314.2022.2153221.
Miroudot, S., & Ye, M. (2021). Decomposing Value Added in Gross Exports. Economic Systems Research 33(1),
67-87, doi:10.1080/09535314.2020.1730308.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from entrepot.models.inputoutput.accounts import Accounts

FloatArray = NDArray[np.float64]
Terms = dict[str, FloatArray]


def source_based(data: Accounts) -> Terms:
    """Return DVA, DDC, FVA, FDC, REF and DAVAX [row, partner] with the exporter's perimeter.

    ``DVA_sr = v_s L_ss E_sr``, ``DDC_sr = v_s (B_ss - L_ss) E_sr``, ``FVA_sr = sum_{t != s} v_t B^{/s}_ts
    E_sr``, ``REF_sr = v_s L_ss A_sr (B Y)_rs``, ``DAVAX_sr = v_s L_ss (Y_sr + A_sr L_rr Y_rr)``.
    """
    terms = _empty(data, ("DVA", "DDC", "FVA", "FDC", "REF", "DAVAX"))
    absorbed = data.inverse @ data.Y
    direct = direct_use(data)
    content = data.v @ data.inverse
    for place, block in enumerate(data.blocks):
        exports, local = data.exports[block], data.local[place]
        domestic = data.v[block] @ data.own(block)
        first = data.v[block] @ local
        foreign = content[block] - domestic
        once = np.linalg.solve(data.own(block).T, foreign) @ local
        terms["DVA"][block] = first[:, None] * exports
        terms["DDC"][block] = (domestic - first)[:, None] * exports
        terms["FVA"][block] = once[:, None] * exports
        terms["FDC"][block] = (foreign - once)[:, None] * exports
        returned, used = data.passed_on(block, np.stack([absorbed[:, place], direct], axis=1))
        terms["REF"][block] = first[:, None] * returned
        terms["DAVAX"][block] = first[:, None] * (data.Y[block] + used)
        for name in ("REF", "DAVAX"):
            terms[name][block, place] = 0.0
    return terms


def pair_based(data: Accounts) -> Terms:
    """Return the same terms with the perimeter of each pair; they do not add up over partners.

    ``DVA_sr = v_s B^{/sr}_ss E_sr`` and so on. DAVAX is what leaves s for the first time and is absorbed in
    r, so it is the same for both perimeters.
    """
    terms = _empty(data, ("DVA", "DDC", "FVA", "FDC", "REF", "DAVAX"))
    absorbed = data.inverse @ data.Y
    direct = direct_use(data)
    content = data.v @ data.inverse
    for place, block in enumerate(data.blocks):
        domestic = data.v[block] @ data.own(block)
        foreign = content[block] - domestic
        counted = _counted_once(data, block, np.stack([domestic, content[block]]))
        dva = counted[:, 0].T
        fva = counted[:, 1].T - dva
        exports = data.exports[block]
        terms["DVA"][block] = dva * exports
        terms["DDC"][block] = (domestic[:, None] - dva) * exports
        terms["FVA"][block] = fva * exports
        terms["FDC"][block] = (foreign[:, None] - fva) * exports
        returned, used = data.passed_on(block, np.stack([absorbed[:, place], direct], axis=1))
        first = data.v[block] @ data.local[place]
        terms["REF"][block] = dva * returned
        terms["DAVAX"][block] = first[:, None] * (data.Y[block] + used)
        for name in ("REF", "DAVAX"):
            terms[name][block, place] = 0.0
    return terms


def _counted_once(data: Accounts, block: slice, content: FloatArray) -> FloatArray:
    """Return ``content (I + A_sr B_rs)^-1`` for every partner r, shape (G, 2, K); as given for s itself."""
    needs = data.Z[block] * data.per_output
    column = data.inverse[:, block]
    found = np.empty((len(data.blocks), *content.shape))
    identity = np.eye(content.shape[1])
    for place, other in enumerate(data.blocks):
        if other == block:
            found[place] = content
            continue
        loop = identity + needs[:, other] @ column[other]
        found[place] = np.linalg.solve(loop.T, content.T).T
    return found


def sink_based(data: Accounts) -> Terms:
    """Return DVA, DDC, FVA, FDC, REF and VAXIM [row, partner], counted the last time value added leaves s.

    With ``u = B^{/s}`` times final demand other than the exports of s, ``REF_sr = v_s B_ss A_sr u_rs``,
    ``VAXIM_sr = v_s B_ss (Y_sr + A_sr u_rr)`` (absorbed by the importer), ``DDC_sr = v_s B_ss A_sr
    B^{/s}_rs E_s``, and FVA, FDC likewise with the foreign content of the exports.
    """
    terms = _empty(data, ("DVA", "DDC", "FVA", "FDC", "REF", "VAXIM"))
    absorbed = data.inverse @ data.Y
    content = data.v @ data.inverse
    own_use = np.array([place for place, b in enumerate(data.blocks) for _ in range(b.start, b.stop)])
    rows = np.arange(len(own_use))
    for place, block in enumerate(data.blocks):
        exports, local = data.exports[block], data.local[place]
        again = np.column_stack([absorbed[block], -(local @ exports.sum(axis=1))])
        again[:, place] -= local @ data.Y[block, place]
        later = data.inverse[:, block] @ np.linalg.solve(data.own(block), again)
        use = absorbed - later[:, :-1]
        chosen = np.column_stack([use[:, place], use[rows, own_use], -later[:, -1]])
        returned, at_importer, twice = data.passed_on(block, chosen)
        domestic = (data.v[block] @ data.own(block))[:, None]
        foreign = content[block][:, None] - domestic
        for part in (returned, at_importer, twice):
            part[:, place] = 0.0
        terms["REF"][block] = domestic * returned
        terms["VAXIM"][block] = domestic * (data.Y[block] + at_importer)
        terms["DVA"][block] = domestic * (exports - twice)
        terms["DDC"][block] = domestic * twice
        terms["FVA"][block] = foreign * (exports - twice)
        terms["FDC"][block] = foreign * twice
        terms["VAXIM"][block, place] = 0.0
    return terms


def direct_use(data: Accounts) -> FloatArray:
    """Return ``L_rr Y_rr`` stacked over r: output that a country needs for its own use, shape (R,)."""
    return np.concatenate(
        [
            local @ data.Y[block, place]
            for place, (block, local) in enumerate(zip(data.blocks, data.local, strict=True))
        ]
    )


def _empty(data: Accounts, names: tuple[str, ...]) -> Terms:
    return {name: np.zeros_like(data.exports) for name in names}
