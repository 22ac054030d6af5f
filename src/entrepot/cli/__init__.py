"""The command line: one noun per question. Help is written from the docstrings of the commands."""

from entrepot.cli import (  # Importing a command registers it.
    agreement,
    brief,
    competencies,
    coverage,
    data,
    direction,
    diversion,
    facts,
    gravity,
    law,
    localisation,
    partners,
    record,
    settlements,
    technoparks,
)
from entrepot.cli.app import app, main

__all__ = [
    "agreement",
    "app",
    "brief",
    "competencies",
    "coverage",
    "data",
    "direction",
    "diversion",
    "facts",
    "gravity",
    "law",
    "localisation",
    "main",
    "partners",
    "record",
    "settlements",
    "technoparks",
]
