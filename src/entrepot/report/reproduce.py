"""Run a brief again from its manifest and say what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

import entrepot
from entrepot.errors import DataError, EntrepotError
from entrepot.questions.agreement import agreement
from entrepot.questions.competencies import competencies
from entrepot.questions.coverage import coverage
from entrepot.questions.direction import direction
from entrepot.questions.diversion import diversion
from entrepot.questions.localisation import localisation
from entrepot.questions.partners import partners
from entrepot.questions.settlements import settlements
from entrepot.questions.technoparks import technoparks
from entrepot.report.brief import read_manifest, results_hash
from entrepot.report.changes import headlines
from entrepot.report.tables import table_hash
from entrepot.result import Result

if TYPE_CHECKING:
    from entrepot.store.store import Store

QUESTIONS: dict[str, Callable[..., Result]] = {
    "direction": direction,
    "coverage": coverage,
    "diversion": diversion,
    "agreement": agreement,
    "settlements": settlements,
    "partners": partners,
    "localisation": localisation,
    "competencies": competencies,
    "technoparks": technoparks,
}


def differences(store: Store, manifest: str | Path) -> list[str]:
    """Compare a brief with what the same questions give today.

    Parameters
    ----------
    store : Store
    manifest : str or Path
        The ``*.manifest.json`` written beside the brief.

    Returns
    -------
    list of str
        One line per difference in version, data, finding or table; empty if all is the same.

    Raises
    ------
    DataError
        If the file is no manifest of a brief.
    """
    then = read_manifest(manifest)
    found = []
    if then["entrepot"] != entrepot.__version__:
        found.append(f"version: {then['entrepot']} then, {entrepot.__version__} now")
    if results_hash(then["results"]) != then.get("results_sha256", results_hash(then["results"])):
        found.append("manifest: its results were changed after it was written")
    held = {name: store.info(name).sha256 for name in store.names()}
    for name, sha256 in then["store"]["tables"].items():
        if held.get(name) != sha256:
            found.append(f"data: table '{name}' {'differs' if name in held else 'is not in this store'}")
    for entry in then["results"]:
        found += _compare(store, entry)
    return found


def same(then: float | None, now: float | None) -> bool:
    """Tell whether two headline values agree but for the last bits of another machine."""
    if then is None or now is None:
        return then is now
    return isclose(then, now, rel_tol=1e-8, abs_tol=1e-9)


def _compare(store: Store, entry: Mapping[str, Any]) -> list[str]:
    """Run one question again and compare its finding and its table."""
    question = entry["question"]
    if question not in QUESTIONS:
        raise DataError(
            f"the manifest asks '{question}', which this version does not know", hint="update entrepot"
        )
    try:
        now = QUESTIONS[question](store, **entry["parameters"])
    except EntrepotError as error:
        return [f"{question}: no answer now: {error.message}"]
    lines = []
    if now.finding != entry["finding"]:
        lines.append(f"{question}: finding was '{entry['finding']}', is '{now.finding}'")
    told = {(item["label"], item["unit"]): item["value"] for item in entry.get("headlines", ())}
    for item in headlines(now):
        then = told.get((item["label"], item["unit"]), item["value"])
        if not same(then, item["value"]):
            lines.append(f"{question}: {item['label']} was {then}, is {item['value']}")
    if table_hash(now.main) != entry["table_sha256"]:
        lines.append(
            f"{question}: table '{now.main.name}' differs "
            f"({entry['rows']} rows then, {now.main.data.num_rows} now)"
        )
    return lines
