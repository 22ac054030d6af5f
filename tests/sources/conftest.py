"""A server on this machine that replays prepared answers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from entrepot.sources.download import Patience


@dataclass(frozen=True)
class Answer:
    """One prepared answer.

    ``cut``: close the connection after so many bytes of the body, though the whole length was announced.
    ``ranges``: honour Range and If-Range. ``tag``: ETag; of the content if None, none if empty.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = True
    tag: str | None = None


class Server:
    """Replays the answers given for each path in their order; the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def give(self, path: str, *answers: Answer | bytes) -> str:
        """Prepare answers for a path; returns its address."""
        self.answers[path] = [a if isinstance(a, Answer) else Answer(a) for a in answers]
        return self.url + path

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                server.requests.append((path, dict(self.headers)))
                queue = server.answers.get(path) or server.answers.get(path.split("?")[0])
                if not queue:
                    return self._send(Answer(b"no such file", 404))
                return self._send(queue.pop(0) if len(queue) > 1 else queue[0])

            def _send(self, answer: Answer) -> None:
                tag = f'"{hashlib.md5(answer.body).hexdigest()}"' if answer.tag is None else answer.tag
                status, start = answer.status, 0
                wanted = self.headers.get("Range", "")
                if status == 200 and answer.ranges and wanted and self.headers.get("If-Range", tag) == tag:
                    start = int(wanted.removeprefix("bytes=").split("-")[0])
                    status = 206 if start < len(answer.body) else 416
                body = answer.body[start:] if status != 416 else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if tag:
                    self.send_header("ETag", tag)
                if status == 206:
                    last, size = len(answer.body) - 1, len(answer.body)
                    self.send_header("Content-Range", f"bytes {start}-{last}/{size}")
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body if answer.cut is None else body[: answer.cut])
                if answer.cut is not None:
                    self.close_connection = True

            def log_message(self, *words: object) -> None:
                """Stay silent."""

        return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # A proxy of the user's has no business with this machine.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hasty() -> Patience:
    """Patience of a test: as many tries, hardly a wait."""
    return Patience(tries=3, wait=0.01, longest=2.0)
