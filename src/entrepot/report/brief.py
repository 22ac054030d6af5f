"""All answers about one country on one page, with a manifest that lets anyone run them again."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import entrepot
from entrepot.errors import DataError
from entrepot.report.changes import Change, compare, headlines
from entrepot.report.page import long_date, render
from entrepot.report.tables import table_hash
from entrepot.result import Result, source_to_dict
from entrepot.store.files import write_atomic

if TYPE_CHECKING:
    from entrepot.store.store import Store

FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """The data a brief stands on.

    Attributes
    ----------
    title : str
        What a reader calls it, for example ``"embedded pack"``.
    tables : mapping of str to str
        sha256 by table name.
    years : tuple of int or None
        First and last year of the trade flows.
    accessed : date or None
        Day on which the newest source was taken.
    """

    title: str = "embedded pack"
    tables: Mapping[str, str] | None = None
    years: tuple[int, int] | None = None
    accessed: date | None = None

    @classmethod
    def of(cls, store: Store) -> StoreSummary:
        """Describe a store."""
        from entrepot.store.store import PACK

        infos = [store.info(name) for name in store.names()]
        years = [info.years for info in infos if info.years and info.name.startswith(("flows", "reports"))]
        days = [source.accessed for info in infos for source in info.sources]
        return cls(
            title="embedded pack" if store.path == PACK else f"store {store.path.name}",
            tables={info.name: info.sha256 for info in infos},
            years=(min(first for first, _ in years), max(last for _, last in years)) if years else None,
            accessed=max(days, default=None),
        )


@dataclass(frozen=True)
class Brief:
    """One country, all questions, one page.

    Attributes
    ----------
    country : str
        ISO3 code.
    results : tuple of Result
        The answers, in the order of the page.
    created : datetime
        When they were computed.
    lang : str
        Language of country names and number formats; the prose is English.
    store : StoreSummary
        The data behind them.
    unanswered : tuple of (str, str)
        Questions that the data could not answer, each with the reason.
    since : mapping or None
        Manifest of an older brief to compare with.
    register : tuple of mapping
        Rows of the programme register, kept in the manifest for the next brief.
    """

    country: str
    results: tuple[Result, ...]
    created: datetime
    lang: str = "en"
    store: StoreSummary = StoreSummary()
    unanswered: tuple[tuple[str, str], ...] = ()
    since: Mapping[str, Any] | None = None
    register: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was computed from what: enough to run the brief again and to compare it with a later one."""
        sources = {source.id: source_to_dict(source) for result in self.results for source in result.sources}
        entries = [_entry(result) for result in self.results]
        return {
            "format": FORMAT,
            "entrepot": entrepot.__version__,
            "created": self.created.isoformat(timespec="seconds"),
            "country": self.country,
            "lang": self.lang,
            "store": {
                "title": self.store.title,
                "tables": dict(self.store.tables or {}),
                "years": list(self.store.years) if self.store.years else None,
            },
            "results": entries,
            "results_sha256": results_hash(entries),
            "unanswered": [{"question": question, "reason": reason} for question, reason in self.unanswered],
            "sources": list(sources.values()),
            "register": [dict(row) for row in self.register],
        }

    @cached_property
    def changes(self) -> list[Change] | None:
        """Headline figures that moved since the older brief; None without one."""
        return None if self.since is None else compare(self.since, self.manifest)

    def html(self, *, manifest_href: str | None = None) -> str:
        """Return the page.

        Parameters
        ----------
        manifest_href : str, optional
            Where the manifest lies; the page carries it inside if left out.
        """
        from entrepot.world import countries

        if manifest_href is None:
            packed = base64.b64encode(_json(self.manifest)).decode()
            manifest_href = f"data:application/json;base64,{packed}"
        return render(
            self.results,
            title=countries.name(self.country, self.lang),
            lang=self.lang,
            facts=self._facts(),
            manifest_href=manifest_href,
            unanswered=self.unanswered,
            changes=self.changes,
            changes_since=str((self.since or {}).get("created", ""))[:10],
        )

    def save(self, path: str | Path) -> Path:
        """Write the page, and beside it ``NAME.manifest.json``; each is written whole or not at all.

        Raises
        ------
        StoreError
            If a file cannot be written.
        """
        path = Path(path)
        beside = path.with_suffix(".manifest.json")
        content = self.html(manifest_href=beside.name).encode()
        page = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}
        write_atomic(beside, _json({**self.manifest, "page": page}))
        write_atomic(path, content)
        return path

    def _repr_html_(self) -> str:
        inside = self.html().replace("&", "&amp;").replace('"', "&quot;")
        return f'<iframe title="Brief" style="width:100%;height:48rem;border:0" srcdoc="{inside}"></iframe>'

    def _facts(self) -> list[tuple[str, str]]:
        facts = []
        if self.store.years:
            first, last = self.store.years
            facts.append(("Period", f"{first}\u2013{last}"))
        taken = f", taken {long_date(self.store.accessed)}" if self.store.accessed else ""
        facts.append(("Data", f"{self.store.title}{taken}"))
        facts.append(("Made", f"{long_date(self.created)} with entrepot {entrepot.__version__}"))
        return facts


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read the manifest of an older brief.

    Raises
    ------
    DataError
        If the file is absent or is no manifest of a brief.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError.not_a_manifest(path, getattr(error, "strerror", None) or str(error)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or "results" not in content:
        raise DataError.not_a_manifest(path, f"it has no results in format {FORMAT}")
    return content


def _entry(result: Result) -> dict[str, Any]:
    return {
        "question": result.question,
        "subject": result.subject,
        "finding": result.finding,
        "command": result.how.command,
        "python": result.how.python,
        "parameters": dict(result.how.parameters),
        "table": result.main.name,
        "table_sha256": table_hash(result.main),
        "rows": result.main.data.num_rows,
        "headlines": headlines(result),
        "sources": [source.id for source in result.sources],
    }


def results_hash(entries: object) -> str:
    """Return a fingerprint of the entries of a manifest, which shows later changes of them."""
    return hashlib.sha256(_json(entries)).hexdigest()


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n").encode()
