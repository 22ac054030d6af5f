"""General equilibrium of world trade in exact hat algebra, with one sector or many."""

from entrepot.models.equilibrium.calibration import Calibration, calibrate_table, calibrate_tariff_data
from entrepot.models.equilibrium.many_sectors import ManySectors, ManySectorsResult
from entrepot.models.equilibrium.one_sector import OneSector, OneSectorResult
from entrepot.models.equilibrium.welfare import decompose, first_order

__all__ = [
    "Calibration",
    "ManySectors",
    "ManySectorsResult",
    "OneSector",
    "OneSectorResult",
    "calibrate_table",
    "calibrate_tariff_data",
    "decompose",
    "first_order",
]
