"""Base classes of the plugins: what benchopt needs that the plugins need not repeat."""

import ctypes
import gc
import hashlib
import importlib.metadata
import re
import sys
import threading
from functools import cache
from pathlib import Path

import benchopt
import joblib
import numpy as np
import psutil

from musaic_core.data.track import InputError
from musaic_core.tasks.base import report_once


class Objective(benchopt.BaseObjective):
    """A task: what a solver is given, and how its estimates are scored.

    A subclass sets ``self.task`` in ``set_data`` and defines ``score(track,
    estimate)``, the columns of one recording, and ``save(track, estimate, folder)``.
    """

    min_benchopt_version = "1.10"
    sampling_strategy = "run_once"
    tracks_at_once = 1  # that are scored; more where NumPy does the work

    def skip(self, missing=None, **data):
        """Skip a corpus that is not there: ``get_data`` returned ``missing=reason``."""
        if missing is not None:
            report_once(missing)  # benchopt shows a reason with the first solver alone
        return missing is not None, None

    def get_objective(self):
        return {"task": self.task}

    def evaluate_result(self, estimates, peak_memory_mb=np.nan):
        """One row a test recording, in the order of the corpus."""
        return joblib.Parallel(self.tracks_at_once, "threading")(
            joblib.delayed(self._row)(track, estimates[track.id], peak_memory_mb)
            for track in self.task.test
        )

    def _row(self, track, estimate, peak_memory_mb):
        row = {
            "track": track.id,
            "value": np.nan,
            "n_parameters": estimate.n_parameters,
            "peak_memory_mb": peak_memory_mb,
            "duration": np.nan,
            "error": estimate.error,
            "files": "",
        }
        if not estimate.error:
            try:
                row["duration"] = track.duration
                folder = self._folder(track)
                if folder is not None:
                    row["files"] = self._relative(folder)
                    self.save(track, estimate, folder)
                row |= self.score(track, estimate.answer)
            except InputError as error:
                report_once(str(error))
                row["error"] = str(error)
        return row

    def _folder(self, track):
        """Where the run keeps what it estimates; None in ``benchopt test``."""
        if self._run_context is None or self._run_context.run_output_base is None:
            return None
        folder = self.get_run_output_path() / _file_name(track.id)
        folder.mkdir(exist_ok=True)
        return folder

    def _relative(self, folder):
        return str(folder.relative_to(self._run_context.run_output_base.parent))

    # benchopt hashes an objective by its file, its parameters and this state, so
    # that a cached result ends with the code or the recordings that it came from.
    # The state travels to the workers, which have not loaded the data yet.
    _corpus = None

    def _get_state(self):
        if hasattr(self, "task"):
            self._corpus = fingerprint(
                file for track in self.task.recordings for file in track.files
            )
        return {"code": code_version(), "corpus": self._corpus}

    def __setstate__(self, state):
        self._corpus = state["corpus"]


_tasks = {}


def task_of(kind, *corpora, **options):
    """Make a task, or give the one that this process made of the same files.

    benchopt sets the data anew for every solver; what is learned from it need not be.

    Parameters
    ----------
    kind : subclass of Task
    *corpora : iterable of Track
    **options
        Further arguments of `kind`.
    """
    corpora = [list(tracks) for tracks in corpora]
    files = (fingerprint(f for t in tracks for f in t.files) for tracks in corpora)
    key = kind, *files, *options.items()
    if key not in _tasks:
        _tasks[key] = kind(*corpora, **options)
    return _tasks[key]


class Solver(benchopt.BaseSolver):
    """A model. A subclass defines ``solve(task)``, which gives the estimates.

    ``answers`` says what they are; a task that asks for something else skips the model.
    A package in ``requirements`` is imported in ``solve`` or ``prepare``, not at the
    file's top: where it is absent, a run then says so in one line and goes on.
    """

    sampling_strategy = "run_once"
    requirements = []
    answers = None

    @classmethod
    def is_installed(
        cls, env_name=None, raise_on_not_installed=None, quiet=False, reload=False
    ):
        """Whether the required packages are there; if not, say how to get them."""
        if env_name is not None:
            return super().is_installed(env_name, raise_on_not_installed, quiet, reload)
        missing = [p for p in map(_package, cls.requirements) if _version(p) is None]
        if not missing:
            return True
        how = f"pip install {' '.join(missing)}"
        if cls.install_cmd == "shell":
            how = f"bash install_scripts/{cls.install_script}"
        message = f"{cls.name} needs {', '.join(missing)}: {how}"
        if raise_on_not_installed:
            raise ImportError(message)
        if not quiet:
            report_once(message)
        return False

    def skip(self, task):
        reason = self.mismatch(task)
        if reason is not None:
            # said once, and not again for each corpus and parameter
            report_once(f"{self.name} {reason}: skipped")
            return True, None
        reason = self.misfit(task)
        return reason is not None, reason

    def mismatch(self, task):
        """Why the model makes no sense for the task; None if it does."""
        if self.answers != task.asks_for:
            return f"gives {self.answers}, not {task.asks_for}"

    def misfit(self, task):
        """Why these parameters make none for the task's data; None if they do."""

    def set_objective(self, task):
        self.task = task
        self.seed = self.get_seed()
        task.prepare(getattr(self, "modes", 2))
        self.prepare()

    def prepare(self):
        """Import packages and load weights, off the clock."""

    def run(self, _):
        with PeakMemory() as memory:
            self.estimates = self.solve(self.task)
        self.peak_memory_mb = memory.peak_mb

    def get_result(self):
        return {"estimates": self.estimates, "peak_memory_mb": self.peak_memory_mb}

    def _get_state(self):
        return {p: _version(p) for p in map(_package, self.requirements)}

    def __setstate__(self, state):
        """Nothing to restore: the versions are read where they are needed."""


class FactorizationSolver(Solver):
    """A nonnegative low-rank model, which knows no music.

    A subclass defines ``factorize(V, templates)``. ``templates`` is the dictionary
    that the task has learned; it is None for a model that has no parameter
    ``dictionary``, or has it set to "blind". ``modes`` says whether V is a matrix or a
    tensor of three modes, whose first is frequency; each task says what its others are.
    A tensor model that makes sense for one kind of ``third_mode`` alone names it.
    """

    modes = 2
    third_mode = None

    @property
    def supervised(self):
        return getattr(self, "dictionary", "blind") != "blind"

    def mismatch(self, task):
        if not hasattr(task, "factorize"):
            return f"gives factors, and no decoder makes {task.asks_for} of them"

    def misfit(self, task):
        if self.modes not in task.modes:
            return f"it takes a nonnegative V of {self.modes} modes; here is none"
        if self.third_mode not in (None, task.third_mode):
            return f"it is for V whose third mode is the {self.third_mode}"
        if not getattr(task, "train", True):
            return "there are no training recordings to tune the decoder on"
        if self.supervised and task.dictionary is None:
            return "there is nothing to learn a dictionary from"
        beta = getattr(task, "beta", None)  # where the task prescribes it
        if beta not in (None, getattr(self, "beta", beta)):
            return f"it minimises β = {self.beta}; the task asks for β = {beta}"

    def solve(self, task):
        return task.factorize(self.factorize, self.supervised, self.modes)


class PeakMemory:
    """Peak of the process's resident memory above what it was at the start, MB.

    Parameters
    ----------
    collect : bool
        Whether to look for cyclic garbage first, which takes 0.1 s.
    """

    def __init__(self, collect=True):
        self.collect = collect

    def __enter__(self):
        _return_freed_memory(self.collect)  # else its use again would not show
        self._process = psutil.Process()
        self._start = self._peak = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        while not self._stop.wait(0.02):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *exception):
        self._stop.set()
        self._thread.join()

    @property
    def peak_mb(self):
        return (self._peak - self._start) / 1e6


def _return_freed_memory(collect):
    if collect:
        gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
        if trim is not None:
            trim(0)


@cache
def code_version():
    """Digest of all in ``musaic_core`` that results depend on, the kernels included."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*")):
        shows_results = "publish" in file.relative_to(folder).parts
        if file.suffix in {".py", ".c", ".h", ".so", ".pyd"} and not shows_results:
            digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()


def fingerprint(files):
    """Digest of the files' names, sizes and times of change."""
    digest = hashlib.sha256()
    for file in sorted(files):
        stat = file.stat() if file.exists() else None
        digest.update(f"{file} {stat and (stat.st_size, stat.st_mtime_ns)}".encode())
    return digest.hexdigest()


def _package(requirement):
    return re.fullmatch(r"(?:pip::)?([\w.-]+).*", requirement)[1]


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _file_name(text):
    return re.sub(r"[^\w.-]+", "_", text)
