"""Run a function over many items in processes of its own, in order, whatever calls it.

Threads would wait for each other: most of an estimation holds the interpreter's lock. A fork would copy the
threads of the query engine in mid-air, and `multiprocessing` runs a user's script again unless it is guarded.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_LENGTH = struct.Struct("<Q")
_SERVE = "from entrepot.store.workers import serve; serve()"
# One thread of linear algebra each: the processes share the cores already.
_SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerLost(Exception):
    """A process ended before it answered, as when the system takes its memory away."""


def available() -> int:
    """Return the number of cores that this process may use."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(cores)


def each(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R | WorkerLost]:
    """Yield the function of each item in the order of the items.

    Parameters
    ----------
    function : callable
        At the top level of a module that can be imported.
    items : iterable
        Taken when needed, not far ahead; each is pickled, the function once a process.
    workers : int
        Processes; with one everything runs here.

    Yields
    ------
    object
        What the function returns, or `WorkerLost` where its process ended.

    Examples
    --------
    >>> list(each(len, ["a", "bcd"], workers=1))
    [1, 3]
    """
    if workers < 2:
        yield from map(function, items)
        return
    crew = _Crew(function)
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[R | WorkerLost]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(crew.ask, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        # A thread that still waits for an answer is let go by the end of its process.
        crew.dismiss()
        pool.shutdown()
        # One may have been hired while the others were sent away.
        crew.dismiss()


class _Crew(Generic[T, R]):
    """One process for each thread that asks; all run one function."""

    def __init__(self, function: Callable[[T], R]) -> None:
        self._function = function
        self._own = threading.local()
        self._all: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def ask(self, item: T) -> R | WorkerLost:
        try:
            process = getattr(self._own, "process", None) or self._hire()
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, item)
            good, answer = _receive(process.stdout)
        except (EOFError, OSError):
            self._own.process = None
            return WorkerLost("the process ended before it answered")
        if not good:
            raise answer
        return answer  # type: ignore[no-any-return]

    def _hire(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise EOFError
        environment = {**os.environ, **dict.fromkeys(_SINGLE, "1"), "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
        )
        self._own.process = process
        self._all.append(process)
        assert process.stdin is not None
        _send(process.stdin, self._function)
        return process

    def dismiss(self) -> None:
        self._closed = True
        for process in self._all:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                try:
                    pipe.close()
                except OSError:
                    # What was not read yet cannot be delivered any more.
                    continue


def serve() -> None:
    """Answer requests from standard input until it is closed: what a process of `each` runs."""
    # Ctrl-C reaches the whole group: the caller decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        function = _receive(requests)
    except EOFError:
        return
    while True:
        try:
            item = _receive(requests)
        except EOFError:
            return
        try:
            answer = (True, function(item))
        except Exception as error:  # Whatever it is, it belongs to the caller.
            answer = (False, error)
        _send(answers, answer)


def _send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    size = _LENGTH.unpack(head)[0]
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)
