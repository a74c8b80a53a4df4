"""Run independent tasks in worker processes and hand each result over as soon as it is there."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import resource_tracker
from typing import Any

import numpy as np

from ..neurons import InvalidValue, SynfireError

__all__ = ["Task", "run_tasks"]

Task = Callable[..., Mapping[str, Any]]
# name of the task, its arrays, its wall time in s
Outcome = tuple[str, dict[str, np.ndarray], float]

# What a numerical library may read when it is loaded to decide on its number of threads.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_tasks(function: Task, tasks: Mapping[str, tuple[Any, ...]], jobs: int) -> Iterator[Outcome]:
    """Yield (name, arrays, seconds) of `function(*arguments)` for every task, in the order in which they finish.

    With one job, or one task, everything happens in this process; else in `min(jobs, tasks)` workers, which end with
    this process. Every task computes with one thread, in this process too: sums over several threads round
    differently, and results must not depend on `jobs`.
    Raises what the task raised; SynfireError if a worker died.
    """
    if jobs == 1 or len(tasks) <= 1:
        for name, arguments in tasks.items():
            with _one_thread():
                yield _outcome(name, function, arguments)
    else:
        yield from _in_workers(function, tasks, min(jobs, len(tasks)))


def _outcome(name: str, function: Task, arguments: tuple[Any, ...]) -> Outcome:
    start = time.perf_counter()
    arrays = _arrays(name, function(*arguments))
    return name, arrays, time.perf_counter() - start


def _arrays(name: str, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Values as contiguous arrays, so that a task gives the same thing now and when read back from its file."""
    arrays = {str(key): np.array(value, order="C") for key, value in values.items()}
    for key, array in arrays.items():
        if array.dtype.kind not in "biufcU":
            raise InvalidValue(f"task {name}: {key}", array.dtype, "an array of numbers, booleans or strings")
    return arrays


def _in_workers(function: Task, tasks: Mapping[str, tuple[Any, ...]], jobs: int) -> Iterator[Outcome]:
    import joblib

    outcomes: Any = None
    finished = False
    with joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        parallel = joblib.Parallel(return_as="generator_unordered", pre_dispatch=2 * jobs, batch_size=1)
        calls = (joblib.delayed(_work)(name, function, arguments) for name, arguments in tasks.items())
        try:
            with _interrupts_held():
                outcomes = parallel(calls)
            yield from outcomes
            finished = True
        except joblib.externals.loky.process_executor.BrokenProcessPool as error:
            raise SynfireError(
                "a worker process died, most likely for lack of memory; what is finished is kept: "
                "resume with fewer --jobs"
            ) from error
        finally:
            if not finished:
                _stop_workers(outcomes)


def _stop_workers(outcomes: Any) -> None:
    with contextlib.suppress(Exception):
        outcomes.close()
    with contextlib.suppress(Exception):
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def _work(name: str, function: Task, arguments: tuple[Any, ...]) -> Outcome:
    _end_with_parent()
    with _one_thread():
        return _outcome(name, function, arguments)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Start workers that never see Ctrl-C, which the terminal sends to all of them: this process stops them.

    A blocked signal is inherited by the workers from their first instruction on; an initialiser in the worker would
    come too late for the second it takes to start. Blocking covers one thread only, so here the handlers wait too:
    an interrupt in the middle of starting a worker is acted upon when it has started.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The standard library starts this helper with the first worker, and lets all signals through when it has done so.
    resource_tracker.ensure_running()
    arrived: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if arrived:
        os.kill(os.getpid(), arrived[0])  # to the handler that it was meant for


_watching = False


def _end_with_parent() -> None:
    """In a worker: leave when the parent is gone, for instance killed, instead of computing for nobody."""
    global _watching
    if _watching or os.name == "nt":
        return
    _watching = True
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Numerical libraries, loaded already or by the task, compute with one thread; put back afterwards."""
    import threadpoolctl  # type: ignore[import-untyped]

    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    torch = sys.modules.get("torch")
    torch_threads = torch.get_num_threads() if torch else 0
    try:
        if torch:
            torch.set_num_threads(1)
        with threadpoolctl.threadpool_limits(limits=1):
            yield
    finally:
        if torch:
            torch.set_num_threads(torch_threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
