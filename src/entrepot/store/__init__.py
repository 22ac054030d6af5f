"""Tables on disk: schemas, manifest, atomic writes, and lazy frames over Parquet read in place."""

from entrepot.store.checks import check
from entrepot.store.manifest import TableInfo
from entrepot.store.schemas import SCHEMAS
from entrepot.store.store import Store, open_store

__all__ = ["SCHEMAS", "Store", "TableInfo", "check", "open_store"]
