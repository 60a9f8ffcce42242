"""Spreads jobs over processes, any of which may be killed without harm to the others.

Each process has a pipe of its own and no lock in common, so that one that dies in the middle of a
message blocks nobody. When the parent dies its processes end at their next message.
"""

import collections
import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Literal, NamedTuple

# Does a job in steps, and yields after each of them. Is sent to the processes by pickling it.
Work = Callable[[int], Iterator[None]]

TRIES = 3  # for a job whose process dies, before giving up


class JobError(RuntimeError):
    """A job raised an exception, and the message goes on with its traceback; or cannot be done."""


class Event(NamedTuple):
    """What happened to a job: a step of it is done, all of it, or its process died on it."""

    kind: Literal["step", "done", "lost"]
    job: int
    reason: str = ""


# Read by libraries when they are loaded: a process is for one core.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def run(work: Work, jobs: Iterable[int], processes: int) -> Iterator[Event]:
    """Does the jobs, and reports as it goes. Ends the processes when it is left.

    Raises:
      JobError: a job raised an exception, or its process died for the third time.
    """
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    waiting = collections.deque(jobs)
    losses: collections.Counter[int] = collections.Counter()
    crew = [_Worker(work) for _ in range(min(processes, len(waiting)))]
    try:
        for worker in crew:
            worker.begin(waiting.popleft())
        while busy := [worker for worker in crew if worker.job is not None]:
            ready = wait([worker.pipe for worker in busy])
            for worker in (worker for worker in busy if worker.pipe in ready):
                event = worker.receive()
                yield event
                if event.kind == "step":
                    continue
                if event.kind == "lost":
                    losses[event.job] += 1
                    if losses[event.job] == TRIES:
                        raise JobError(
                            f"{event.reason}, {TRIES} times on the same work: where memory is "
                            "short, use fewer processes"
                        )
                    waiting.append(event.job)
                    crew[crew.index(worker)] = worker = _Worker(work)
                if waiting:
                    worker.begin(waiting.popleft())
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A process, and the job that it is at."""

    def __init__(self, work: Work):
        # A fork would copy the locks of the parent's threads as they are.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.job: int | None = None
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, job: int) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it has died, as `receive` will find out
            self.pipe.send(job)

    def receive(self) -> Event:
        """What happened to its job; raises JobError where that raised an exception."""
        assert self.job is not None
        job = self.job
        try:
            kind, text = self.pipe.recv()
        except (EOFError, OSError):
            self.stop()
            return Event("lost", job, f"a process was killed (exit code {self._process.exitcode})")
        if kind == "failed":
            raise JobError(text)
        if kind == "done":
            self.job = None
        return Event(kind, job)

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, work: Work) -> None:
    """Does the jobs that come through the pipe, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent deals with it
    try:
        while True:
            job = pipe.recv()
            try:
                for _ in work(job):
                    pipe.send(("step", ""))
                pipe.send(("done", ""))
            except Exception as error:
                pipe.send(("failed", f"{error}\n\n{traceback.format_exc()}"))
    except (EOFError, OSError):
        return  # the parent is gone
