"""Inter-country input-output tables: Leontief inverse, value added by origin, exports, extraction."""

from entrepot.models.inputoutput.content import content_by_origin, value_added_by_origin
from entrepot.models.inputoutput.decomposition import Decomposition, Method, Perimeter, decompose
from entrepot.models.inputoutput.extraction import (
    Extraction,
    extract,
    no_substitution_losses,
    partner_loss,
    supply_losses,
)
from entrepot.models.inputoutput.inverse import leontief_inverse, value_added_shares

__all__ = [
    "Decomposition",
    "Extraction",
    "Method",
    "Perimeter",
    "content_by_origin",
    "decompose",
    "extract",
    "leontief_inverse",
    "no_substitution_losses",
    "partner_loss",
    "supply_losses",
    "value_added_by_origin",
    "value_added_shares",
]
