"""Which models the studio offers, each as a benchmark runs it.

Solvers, objectives and what is learned from are those of a run on one's own recordings
(`datasets/folder.py`): what the studio shows, `benchopt run` gives too.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

from benchopt.benchmark import Benchmark
from benchopt.utils.run_context import RunContext

from musaic_core.benchmark.corpora import from_mini
from musaic_core.benchmark.digest import ROOT, versions
from musaic_core.studio.kept import kept, kept_dictionary
from musaic_core.tasks.base import Task

# what is asked, and who answers, the best on recordings first
TITLES = {"notes": "Notes", "stems": "Stems", "sections": "Sections"}
DICTIONARY = {"dictionary": "fixed", "beta": 1}
SOLVERS = {
    "notes": [("note_cnn", {}), ("filtered_nmf", {}), ("nmf", DICTIONARY)],
    "stems": [("unet", {}), ("nmf", DICTIONARY)],
    "sections": [("barwise_ssm", {}), ("online_nmf", {}), ("online_ncp", {})],
}


@dataclass
class Question:
    """What may be looked for in a recording.

    Parameters
    ----------
    name : str
        What the task answers.
    benchmark : benchopt.benchmark.Benchmark
        That scores such answers.
    """

    name: str
    benchmark: Benchmark
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def title(self) -> str:
        """What a page calls it."""
        return TITLES[self.name]

    @cached_property
    def objective(self) -> Any:
        """The benchmark's, with its default parameters."""
        return self.benchmark.get_benchmark_objective().get_instance()

    @cached_property
    def models(self) -> dict[str, "Offer"]:
        """Those whose packages are there, by their names; the default comes first."""
        classes = {cls.name: cls for cls in self.benchmark.get_solvers()}
        return {
            name: Offer(self, classes[name], parameters)
            for name, parameters in SOLVERS[self.name]
            if name in classes and not classes[name].missing_packages()
        }

    @property
    def task(self) -> Task:
        """What models learn from, without recordings to test them on."""
        with self._lock:
            return self._task

    @cached_property
    def _task(self):
        seeded(self.objective)
        train = from_mini(self.objective.learns_from)
        isolated = {"isolated": train["isolated"]} if train["isolated"] else {}
        task = self.objective.make_task(train["train"], [], hints={}, **isolated)
        if task.learns_dictionary:
            task.dictionary_of = cache(partial(kept_dictionary, task))
        return task


@dataclass
class Offer:
    """A solver that the studio offers.

    Parameters
    ----------
    question : Question
    solver_class : subclass of musaic_core.benchmark.solver.Solver
    parameters : dict
        Other than its defaults.
    """

    question: Question
    solver_class: type
    parameters: dict
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def kind(self) -> str:
        """low-rank, learned or hybrid."""
        return self.solver_class.kind

    @property
    def has_components(self) -> bool:
        """Whether it adds up components, each of which can be heard."""
        task = self.question.benchmark.get_benchmark_objective().task_class
        return hasattr(self.solver_class, "factorize") and task.learns_dictionary

    @property
    def uses_hints(self) -> bool:
        """Whether what a user says of one place helps it elsewhere."""
        return bool(self.solver.uses_hints)

    @cached_property
    def solver(self) -> Any:
        """The solver, of which nothing has been asked yet."""
        solver = self.solver_class.get_instance(**self.parameters)
        seeded(solver)
        return solver

    @property
    def decode(self) -> Callable | None:
        """The task's decoder, tuned for the model, which learns now if it has not."""
        with self._lock:
            return self._decode

    @cached_property
    def _decode(self):
        def keep(fit):
            about = {"what": "decoder", **self.solver.state_depends_on()}
            about["scikit-learn"] = versions(["scikit-learn"])
            return kept(about, fit)

        asked = self.question.objective._parameters
        return self.solver.learn_from(self.question.task, asked, keep)

    def as_json(self, name: str) -> dict:
        """What a page is told of it.

        Parameters
        ----------
        name : str
            That it is chosen by.

        Returns
        -------
        dict
        """
        label = (self.solver_class.__doc__ or name).splitlines()[0]
        return {
            "id": name,
            "label": name,
            "about": label,
            "kind": self.kind,
            "components": self.has_components,
            "hints": self.uses_hints,
        }


def seeded(plugin: Any) -> None:
    """Give a plugin the seed of a benchmark's first repetition.

    Parameters
    ----------
    plugin : Solver or Objective
    """
    plugin._run_context = RunContext(base_seed="0", repetition=0)


def questions() -> dict[str, Question]:
    """Find the benchmarks that answer what may be asked of any recording.

    Returns
    -------
    dict of str to Question
        By what their tasks answer.
    """
    found = {}
    for file in sorted(ROOT.glob("benchmarks/*/objective.py")):
        benchmark = Benchmark(file.parent)
        task = benchmark.get_benchmark_objective().task_class
        if task.learns_as is None:  # else it asks for more than what was heard
            found[task.answers] = benchmark
    return {name: Question(name, found[name]) for name in TITLES if name in found}
