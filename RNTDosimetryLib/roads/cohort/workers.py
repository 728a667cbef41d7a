"""Who computes the studies of a cohort: this process, processes of this computer, or the workers of a Dask scheduler."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from RNTDosimetryLib.base.documents import named_files
from RNTDosimetryLib.base.errors import DosimetryError
from RNTDosimetryLib.base.optional import optional_module
from RNTDosimetryLib.base.progress import Cancelled
from RNTDosimetryLib.base.resources import read_json
from RNTDosimetryLib.roads.cohort.files import Source
from RNTDosimetryLib.roads.cohort.jobs import Outcome, do, failed
from RNTDosimetryLib.roads.table import road_of_verb

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "VTK_SMP_MAX_THREADS",
)
_LOOK_S, _GRACE_S, _CONNECT_S = 0.2, 3.0, 15
_DIED = "Expected a worker that ends its study, received one that died in the middle (memory, or stopped from outside); run the cohort again or the study alone."


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def outcomes(
    sources: Sequence[Source],
    folder: Path,
    workers: int,
    scheduler: str | None,
    cancel: Callable[[], bool],
    reported: Callable[[Outcome], None],
) -> dict[str, Outcome]:
    """Outcome of every study by name. reported: hears each when it is done. Raises Cancelled; whatever is sealed by then stays."""
    found = {}
    if scheduler:
        stream = _by_dask(sources, folder, scheduler, cancel)
    elif workers == 1:
        stream = _here(sources, folder, cancel)
    else:
        stream = _by_processes(sources, folder, workers, cancel)
    with contextlib.closing(stream):
        for outcome in stream:
            found[outcome.name] = outcome
            reported(outcome)
    return found


def _here(sources: Sequence[Source], folder: Path, cancel) -> Iterator[Outcome]:
    for source in sources:
        if cancel():
            raise Cancelled
        yield do(source, str(folder / source.name), cancel)


# --- processes of this computer


def _by_processes(sources: Sequence[Source], folder: Path, workers: int, cancel) -> Iterator[Outcome]:
    """In a pool; where a worker dies, the studies that were being computed are tried once more, one at a time, so that one of them stops no other."""
    waiting: list[Source] = list(sources)
    suspects: list[Source] = []
    while waiting or suspects:
        batch, alone = suspects or waiting, bool(suspects)
        finished: set[str] = set()
        in_work: set[str] = set()
        for outcome in _one_pool(batch, folder, 1 if alone else workers, cancel, in_work):
            finished.add(outcome.name)
            yield outcome
        hit = [source for source in batch if source.name in in_work]
        left = [source for source in batch if source.name not in finished | in_work]
        if alone:
            suspects = left
            for source in hit:
                yield failed(source, _DIED)
        else:
            suspects, waiting = hit, left


def _one_pool(batch: Sequence[Source], folder: Path, workers: int, cancel, in_work: set[str]) -> Iterator[Outcome]:
    """Outcomes until all are done or a worker has died; in_work: then names what was being computed."""
    context = multiprocessing.get_context("spawn")
    # A bare byte: an event has locks, and a worker that is killed would keep them.
    stop, budget = context.RawValue("b", 0), _budget_mb()
    waiting, needs = list(batch), {source.name: _need_mb(source) for source in batch}
    running: dict[Future, Source] = {}
    with _one_thread_each():
        pool = ProcessPoolExecutor(min(workers, len(batch)), mp_context=context, initializer=_begin, initargs=(stop,))
        try:
            while waiting or running:
                while len(running) < workers and (source := _next(waiting, running.values(), needs, budget)) is not None:
                    waiting.remove(source)
                    running[pool.submit(_in_worker, source, str(folder / source.name))] = source
                done, _rest = wait(running, timeout=_LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = future.result()
                    del running[future]
                    yield outcome
                if cancel():
                    raise Cancelled
        except BrokenProcessPool:
            in_work.update(source.name for source in running.values())
        finally:
            # Whoever still computes is told to stop, and ends by itself: only whole folders are sealed.
            stop.value = 1
            pool.shutdown(wait=True, cancel_futures=True)


def _next(waiting: list[Source], running, needs: dict[str, float], budget: float | None) -> Source | None:
    """The first study that has room in memory beside those that are being computed; any when nothing is."""
    used = sum(needs[source.name] for source in running)
    return next((source for source in waiting if budget is None or not used or used + needs[source.name] <= budget), None)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers inherit the environment: one thread each, as many processes as cores."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_stop: list = []


def _begin(stop) -> None:
    """First thing in a worker: the interrupt key is the main process's, and without that process there is nothing to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop.append(stop)
    threading.Thread(target=_watch, args=(stop,), daemon=True).start()


def _watch(stop) -> None:
    parent = multiprocessing.parent_process()
    while not stop.value:
        time.sleep(_LOOK_S)
        if parent is not None and not parent.is_alive():
            os._exit(1)
    time.sleep(_GRACE_S)
    os._exit(0)


def _in_worker(source: Source, folder: str) -> Outcome:
    return do(source, folder, lambda: bool(_stop[0].value))


# --- memory


def _need_mb(source: Source) -> float:
    """What a study needs, from the size of its files; 0 where that cannot be said before it is read, which its worker then says in a sentence."""
    rule = read_json("cohort", "rules.json")["memory"]
    try:
        request = road_of_verb(source.verb).read_request(source.path)
    except DosimetryError:
        return 0.0
    size = sum(_size(Path(path)) for path in set(named_files(request).values()))
    return rule["base_mb"]["value"] + rule["per_input_mb"]["value"] * size / 2**20


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())
    return path.stat().st_size if path.is_file() else 0


def _budget_mb() -> float | None:
    """Memory that the studies may take together, MB; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    return free / 1024 * read_json("cohort", "rules.json")["memory"]["share_of_free"]["value"]


# --- a cluster


def _by_dask(sources: Sequence[Source], folder: Path, address: str, cancel) -> Iterator[Outcome]:
    """On the workers of a scheduler, which must see the same files. A study that a worker dies of is tried elsewhere by the scheduler, and given up after three."""
    distributed = optional_module("distributed", "a cohort on a scheduler")
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except Exception as error:
        raise DosimetryError(
            f"Expected a Dask scheduler at {address}, received no answer ({type(error).__name__}); check the address, as in tcp://host:8786."
        ) from error
    try:
        running = {client.submit(do, source, str(folder / source.name), pure=False): source for source in sources}
        while running:
            done = [future for future in running if future.done()]
            for future in done:
                source = running.pop(future)
                yield _of_future(future, source)
            if cancel():
                client.cancel(list(running))
                raise Cancelled
            if not done:
                time.sleep(_LOOK_S)
    finally:
        client.close()


def _of_future(future, source: Source) -> Outcome:
    if future.status == "finished":
        return future.result()
    return failed(source, f"{_DIED} (scheduler: {future.status}, {type(future.exception()).__name__})")
