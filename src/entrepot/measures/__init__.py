"""Law as data: the catalogue of measures (one folder of CSV files per instrument) and the scope join."""

from __future__ import annotations

from entrepot.measures.catalogue import Catalogue, InForce
from entrepot.measures.loader import load_catalogue
from entrepot.measures.printed import PrintedCode, read_printed, read_threshold

__all__ = ["Catalogue", "InForce", "PrintedCode", "load_catalogue", "read_printed", "read_threshold"]
