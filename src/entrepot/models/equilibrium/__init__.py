"""General equilibrium of trade in exact hat algebra: numbers in, numbers out."""

from entrepot.models.equilibrium.one_sector import OneSector, OneSectorResult

__all__ = ["OneSector", "OneSectorResult"]
