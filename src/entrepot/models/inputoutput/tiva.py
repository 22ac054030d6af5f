"""Value added in trade as the OECD's TiVA indicators define it: exports by origin, demand by absorption.

References
----------
OECD (2019). Guide to OECD's Trade in Value Added Indicators, 2018 edition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from entrepot.models.inputoutput.accounts import Accounts

FloatArray = NDArray[np.float64]


def indicators(data: Accounts) -> dict[str, FloatArray]:
    """Return DVA, DDC, FC, VAX and GVCF [row, partner].

    The rows of DVA, DDC and FC are exporting industries and their partners are importers. The rows of VAX and
    GVCF are the industries where value added arises; the partner of VAX absorbs it, that of GVCF (value added
    in other countries' exports, ``v_s B_sr E_r``) exports it on.
    """
    names = ("DVA", "DDC", "FC", "VAX", "GVCF")
    terms = {name: np.zeros_like(data.exports) for name in names}
    content = data.v @ data.inverse
    terms["VAX"] = data.v[:, None] * (data.inverse @ data.Y)
    for place, block in enumerate(data.blocks):
        exports = data.exports[block]
        domestic = data.v[block] @ data.own(block)
        first = data.v[block] @ data.local[place]
        terms["DVA"][block] = first[:, None] * exports
        terms["DDC"][block] = (domestic - first)[:, None] * exports
        terms["FC"][block] = (content[block] - domestic)[:, None] * exports
        terms["GVCF"][:, place] = data.v * (data.inverse[:, block] @ exports.sum(axis=1))
    for place, block in enumerate(data.blocks):
        terms["VAX"][block, place] = 0.0
        terms["GVCF"][block, place] = 0.0
    return terms
