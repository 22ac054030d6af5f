"""Older accounts of exports: 16 terms by pair (Wang, Wei and Zhu), 9 by exporter (Koopman, Wang and Wei).

Both measure double counting against the direct importer's use, so their FVA is smaller and their FDC larger
than in `borin_mancini`; domestic terms agree in total.

References
----------
Wang, Z., Wei, S.-J., & Zhu, K. (2013). Quantifying International Production Sharing at the Bilateral and
Sector Levels. NBER Working Paper 19677, doi:10.3386/w19677.
Koopman, R., Wang, Z., & Wei, S.-J. (2014). Tracing Value-Added and Double Counting in Gross Exports. American
Economic Review 104(2), 459-494, doi:10.1257/aer.104.2.459.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from entrepot.models.inputoutput.accounts import Accounts
from entrepot.models.inputoutput.borin_mancini import direct_use

FloatArray = NDArray[np.float64]
Terms = dict[str, FloatArray]

WWZ = (
    "DVA_FIN", "DVA_INT", "DVA_INTrexI1", "DVA_INTrexF", "DVA_INTrexI2", "RDV_INT", "RDV_FIN", "RDV_FIN2",
    "OVA_FIN", "MVA_FIN", "OVA_INT", "MVA_INT", "DDC_FIN", "DDC_INT", "ODC", "MDC",
)  # fmt: skip

# The nine terms of Koopman, Wang and Wei as sums of the sixteen.
KWW = {
    "DVA_FIN": ("DVA_FIN",),
    "DVA_INT": ("DVA_INT", "DVA_INTrexI1"),
    "DVA_INTrex": ("DVA_INTrexF", "DVA_INTrexI2"),
    "RDV_FIN": ("RDV_FIN", "RDV_FIN2"),
    "RDV_INT": ("RDV_INT",),
    "DDC": ("DDC_FIN", "DDC_INT"),
    "FVA_FIN": ("OVA_FIN", "MVA_FIN"),
    "FVA_INT": ("OVA_INT", "MVA_INT"),
    "FDC": ("ODC", "MDC"),
}


def sixteen_terms(data: Accounts) -> Terms:
    """Return the sixteen terms [row, partner]; they add up to exports cell by cell."""
    terms = {name: np.zeros_like(data.exports) for name in WWZ}
    uses = _Uses(data)
    origin = np.stack([data.v[block] @ data.inverse[block] for block in data.blocks])
    total = origin.sum(axis=0)
    for place, block in enumerate(data.blocks):
        final = data.Y[block]
        passed = dict(zip(uses.NAMES, data.passed_on(block, uses.of(place)), strict=True))
        domestic = origin[place, block][:, None]
        first = (data.v[block] @ data.local[place])[:, None]
        importer = origin[:, block].T
        others = (total - origin[place])[block][:, None] - importer
        terms["DVA_FIN"][block] = domestic * final
        for name in uses.DOMESTIC:
            terms[name][block] = first * passed[name]
        terms["DDC_INT"][block] = (domestic - first) * passed["output"]
        for name, share in (("MVA", importer), ("OVA", others)):
            terms[f"{name}_FIN"][block] = share * final
            terms[f"{name}_INT"][block] = share * passed["direct"]
        terms["MDC"][block] = importer * passed["exported"]
        terms["ODC"][block] = others * passed["exported"]
        for term in terms.values():
            term[block, place] = 0.0
    return terms


def nine_terms(data: Accounts) -> Terms:
    """Return the nine terms [row, partner], sums of the sixteen; the paper has their totals by exporter."""
    sixteen = sixteen_terms(data)
    return {
        name: np.asarray(sum(sixteen[part] for part in parts), dtype=np.float64)
        for name, parts in KWW.items()
    }


class _Uses:
    """Ways in which a partner's output is used, seen from one exporter; each is a vector over all rows.

    ``H = diag(B_rr) Y``, ``D_:t = B_:t Y_tt``, ``F_:t = B_:t sum_{u != t} Y_tu``.
    """

    DOMESTIC = ("DVA_INT", "DVA_INTrexI1", "DVA_INTrexF", "DVA_INTrexI2", "RDV_FIN", "RDV_FIN2", "RDV_INT",
                "DDC_FIN")  # fmt: skip
    NAMES = (*DOMESTIC, "output", "direct", "exported")

    def __init__(self, data: Accounts) -> None:
        self.all = data.inverse @ data.Y
        self.output = data.X
        self.direct = direct_use(data)
        self.within = np.zeros_like(data.Y)
        self.domestic, self.abroad = np.zeros_like(data.Y), np.zeros_like(data.Y)
        self.exported, own, sold = (np.zeros_like(data.X) for _ in range(3))
        for place, block in enumerate(data.blocks):
            home = data.Y[block, place]
            away = data.Y[block].sum(axis=1) - home
            self.within[block] = data.own(block) @ data.Y[block]
            self.domestic[:, place] = data.inverse[:, block] @ home
            self.abroad[:, place] = data.inverse[:, block] @ away
            self.exported[block] = data.local[place] @ data.exports[block].sum(axis=1)
            own[block], sold[block] = self.within[block, place], self.abroad[block, place]
        self.own, self.sold = own, sold

    def of(self, place: int) -> FloatArray:
        """Return the uses in the order of ``NAMES``, shape (R, 11), as one exporter sees them."""
        home, away = self.domestic[:, place], self.abroad[:, place]
        back = self.within[:, place]
        back_through_others = self.all[:, place] - back - home
        return np.stack(
            [
                self.own,
                self.domestic.sum(axis=1) - self.own - home,
                self.sold - back,
                self.abroad.sum(axis=1) - self.sold - away - back_through_others,
                back,
                back_through_others,
                home,
                away,
                self.output,
                self.direct,
                self.exported,
            ],
            axis=1,
        )
