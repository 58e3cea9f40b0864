"""Solvers and objectives at work without benchopt's runner around them."""

import importlib.util
from functools import cache
from types import SimpleNamespace

from conftest import MINI, ROOT

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.data.corpus import read_corpus
from musaic_core.tasks.transcription.task import Transcription


def module_in(file):
    """Load a Python file by its path."""
    spec = importlib.util.spec_from_file_location(file.stem.replace("-", "_"), file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plugin(path, **parameters):
    """A plugin of the suite, such as ``solvers/nmf.py``, with these parameters."""
    module = module_in(ROOT / path)
    kind = next(k for k in ("Solver", "Objective", "Dataset") if hasattr(module, k))
    made = getattr(module, kind).get_instance(**parameters)
    made._module_filename = ROOT / path
    made._run_context = None
    made.get_seed = lambda **_: 0
    return made


def factorizer(factorize, dictionary="blind", n_axes=2):
    """A low-rank solver that factorizes as a function of V and what is given does."""

    class Factorizer(LowRankSolver):
        name = "factorizer"
        parameters = {"dictionary": [dictionary]}
        axes = ((None,) * n_axes,)

    made = Factorizer.get_instance(dictionary=dictionary)
    made.factorize = factorize
    made.get_seed = lambda **_: 0
    return made


def solve(task, solver, references=None):
    """Estimates that a solver makes of a task's test recordings, by their ids.

    `references` are the tracks that an oracle is given.
    """
    objective = SimpleNamespace(
        references=references or {},
        _parameters={},
        get_objective=lambda: {"task": task},
        sampling_strategy="run_once",
    )
    assert solver._set_objective(objective) == (False, None)
    solver.run(None)
    return solver.get_result()["estimates"]


@cache
def piano():
    """A piano recording in the dictionary's timbre, two to learn from, and that.

    The task, which is not to be changed, and the track that is transcribed.
    """
    folder = MINI / "piano"
    *train, track = read_corpus(folder / "train-seen")[:3]
    return Transcription(train, [track], read_corpus(folder / "notes-seen")), track
