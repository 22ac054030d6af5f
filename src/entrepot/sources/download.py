"""Transfers that survive: resumed where they stopped, retried with patience, noticed when cut short."""

from __future__ import annotations

import email.utils
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from entrepot.errors import SourceError, StoreError

Progress = Callable[[int, int], None]

PIECE = 1 << 20
AGENT = "entrepot (open foreign-trade workbench)"
TIMEOUT = httpx.Timeout(30.0, read=60.0)
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How long to go on when a server does not give a file.

    Attributes
    ----------
    tries : int
        Failures in a row without a new byte before giving up.
    wait : float
        Seconds before the second try; doubled each time, never above `longest`.
    longest : float
        Longest wait in seconds; a server that asks for more is told of in an error.
    """

    tries: int = 6
    wait: float = 1.0
    longest: float = 120.0


PATIENT = Patience()


class _Again(Exception):
    """Try again: why, and after how many seconds if the server says so."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


@dataclass
class Transfer:
    """One file on its way; called by pooch as a downloader.

    Parameters
    ----------
    part : Path
        Where the bytes gather; it stays when the transfer breaks off, and the next one goes on from there.
    progress : callable, optional
        Called with bytes done and bytes in all (0 where the server does not say).
    headers : mapping
        Sent along, for example a key.
    patience : Patience
    """

    part: Path
    progress: Progress | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = PATIENT

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Fetch ``url`` whole into ``output_file``.

        Raises
        ------
        SourceError
            If the server does not have the file, refuses it, or breaks off too often.
        StoreError
            If the disk is full.
        """
        failures, furthest = 0, self._size()
        with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client:
            while True:
                try:
                    self._once(client, url)
                    break
                except (_Again, httpx.TransportError) as error:
                    # Whoever gives bytes may break off as often as he likes.
                    failures = failures + 1 if self._size() <= furthest else 1
                    furthest = max(furthest, self._size())
                    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
                    if failures >= self.patience.tries:
                        raise SourceError.broken_off(url, reason) from error
                    self._pause(url, failures, getattr(error, "after", None))
        os.replace(self.part, output_file)
        self._told.unlink(missing_ok=True)

    @property
    def _told(self) -> Path:
        """The file beside the part that says which version of which file the bytes belong to."""
        return self.part.with_name(self.part.name + ".json")

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _validator(self, url: str) -> str:
        """Return what names the version of the bytes at hand, or nothing if they cannot be gone on with."""
        try:
            told = json.loads(self._told.read_text())
        except (OSError, ValueError):
            return ""
        return str(told.get("validator", "")) if told.get("url") == url else ""

    def _once(self, client: httpx.Client, url: str) -> None:
        """Make one request and write what comes; raise `_Again` if it is not everything."""
        # Compressed on the way, the bytes could be neither counted nor resumed.
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity", **self.headers}
        have, validator = self._size(), self._validator(url)
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        with client.stream("GET", url, headers=headers) as answer:
            self._refuse(answer, url)
            start = have if answer.status_code == 206 else 0
            total = _total(answer, start)
            if start == 0:
                self._remember(answer, url)
            self._receive(answer, start, total)
        if total and self._size() != total:
            raise _Again(f"{self._size()} of {total} bytes came")

    def _refuse(self, answer: httpx.Response, url: str) -> None:
        """Raise unless the answer brings bytes that fit to those at hand."""
        status = answer.status_code
        if status in (200, 206):
            given = answer.headers.get("Content-Range", "")
            if status == 206 and not given.startswith(f"bytes {self._size()}-"):
                self._forget()
                raise _Again(f"the server sent another piece ({given or 'unnamed'})")
            return
        if status == 416:
            self._forget()
            raise _Again("the file has become shorter", 0.0)
        if status in RETRIED:
            raise _Again(f"the server answers {status}", _retry_after(answer))
        if status in (401, 403):
            raise SourceError.refused(url, status)
        raise SourceError.not_found(url, status)

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._told.unlink(missing_ok=True)

    def _remember(self, answer: httpx.Response, url: str) -> None:
        """Write down which version is being fetched; a weak tag does not promise the same bytes."""
        tag = answer.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
        self._told.unlink(missing_ok=True)
        self.part.write_bytes(b"")
        self._told.write_text(json.dumps({"url": url, "validator": validator}))

    def _receive(self, answer: httpx.Response, start: int, total: int) -> None:
        done = told = start
        try:
            with self.part.open("ab" if start else "wb", buffering=PIECE) as file:
                # Written as it comes: what is held back for a round piece would be lost when it breaks off.
                for piece in answer.iter_raw():
                    file.write(piece)
                    done += len(piece)
                    if self.progress and (done - told >= PIECE or done == total):
                        self.progress(done, total)
                        told = done
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError.from_system(self.part, error) from error

    def _pause(self, url: str, failures: int, after: float | None) -> None:
        wait = min(self.patience.wait * 2 ** (failures - 1), self.patience.longest)
        if after is not None:
            if after > self.patience.longest:
                raise SourceError.too_many_requests(url, after)
            wait = after
        time.sleep(wait)


def _total(answer: httpx.Response, start: int) -> int:
    """Return the size of the whole file, or 0 if the server does not say."""
    length = answer.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else 0


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds a server asks to wait: it gives a number, or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
