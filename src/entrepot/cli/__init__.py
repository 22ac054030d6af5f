"""The command line: one noun per question. Help is written from the docstrings of the commands."""

from entrepot.cli import (  # Importing a command registers it.
    agreement,
    brief,
    coverage,
    direction,
    facts,
    record,
    settlements,
)
from entrepot.cli.app import app, main

__all__ = ["agreement", "app", "brief", "coverage", "direction", "facts", "main", "record", "settlements"]
