"""Base classes of the solvers: what benchopt needs that a solver need not repeat."""

import json
import time

import benchopt
from benchopt.benchmark import get_running_benchmark

from musaic_core.benchmark.answering import AnswersInSteps
from musaic_core.benchmark.choice import as_parameters, chosen, runs_all, sweep
from musaic_core.benchmark.digest import (
    PACKAGE,
    digest_of,
    file_of,
    files_imported,
    versions,
)
from musaic_core.benchmark.memory import PeakMemory
from musaic_core.benchmark.packages import NeedsPackages
from musaic_core.benchmark.store import KeepsState, losses_of
from musaic_core.data.errors import InputError, report_once
from musaic_core.tasks.base import Axes, Estimate, matching_axes
from musaic_core.tasks.guidance import answer_guided, learned_with

SHIPPED = PACKAGE / "learned" / "weights"  # states that come with the repository
UNTAUGHT = "it learns from training recordings, and there are none"


class Solver(AnswersInSteps, KeepsState, NeedsPackages, benchopt.BaseSolver):
    """A model that maps a recording to an answer, or to a description of it.

    A subclass defines ``predict(recording, given)``, or with training ``fit(train,
    given)``, which gives the state, a dict of arrays, and ``predict(recording, state,
    given)``: see `musaic_core.tasks.base`. A package in ``requirements`` is imported in
    ``prepare`` or later, not at the file's top: where it is absent, a run then says so
    in one line and goes on.

    Attributes
    ----------
    answers : str
        What it gives: notes, stems, sections, …; other tasks are left out.
    describes : bool
        Whether `predict` gives a description that the task is to decode.
    kind : str
        low-rank, learned, hybrid, peer, floor, or oracle. An oracle, and no other
        model, is given the test's annotations, and is shown apart.
    axes : tuple of tuples
        Of the ``given.V`` that it looks at, if any; None stands for any axis.
    n_parameters : int
        Numbers that it consists of, where it has no state that would say.
    in_default_run : bool
        Whether a run has it that names no solvers. One that is slow, or trains for
        minutes as its weights do not ship, is for the full comparison: ``-s all``.
    exponent : {1, 2} or None
        2 where it models powers: its V is then the square of the task's magnitudes.
        None where it takes magnitudes as compressed as the task gives them.
    uses_hints : bool
        Whether its answer depends on ``given.hints``.
    """

    sampling_strategy = "run_once"
    requirements = []
    answers: str | None = None
    describes = False
    kind = "learned"
    axes: tuple[Axes, ...] = ()
    n_parameters = 0
    in_default_run = True
    exponent = 1
    uses_hints = False

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "name" in vars(cls) and runs_all("solver"):  # it is a plugin
            cls.parameters = cls._fitting_parameters()

    # ---- which of the runs it takes part in

    @classmethod
    def mismatch(cls, task: type) -> str | None:
        """Say why the model makes no sense for a kind of task.

        Parameters
        ----------
        task : subclass of Task

        Returns
        -------
        str or None
            The reason, for users; None if it does.
        """
        if cls.answers != task.answers:
            return f"gives {cls.answers}, not {task.answers}"

    @classmethod
    def misfit_of(cls, parameters: dict, task: type) -> str | None:
        """Say why these parameters make no sense for a kind of task.

        Parameters
        ----------
        parameters : dict
            Values by name, one of each.
        task : subclass of Task

        Returns
        -------
        str or None
            The reason, for users; None if they do.
        """
        supervised = parameters.get("dictionary", "blind") != "blind"
        if supervised and not task.learns_dictionary:
            return "there is nothing to learn a dictionary from"
        if hasattr(cls, "fit") and not task.has_train:
            return UNTAUGHT

    def misfit(self, task) -> str | None:
        """Say why the model makes no sense for a task's recordings.

        Parameters
        ----------
        task : Task

        Returns
        -------
        str or None
            The reason, for users; None if it does.
        """
        if hasattr(self, "fit") and not task.train:
            return UNTAUGHT

    def skip(self, task):
        reason = self.mismatch(type(task))
        reason = reason or self.misfit_of(self._parameters, type(task))
        if reason is None and self.axes and not matching_axes(self.axes, task.axes):
            reason = f"it is for V of {_told(self.axes)}; here is none"
        reason = reason or task.misfit(self) or self.misfit(task)
        return reason is not None, reason

    @classmethod
    def _fitting_parameters(cls):
        """The default sweep without what a benchmark's task has no use for.

        A run of all solvers then lists those that it runs, and no others. Of a solver
        that is left out altogether, the sweep is empty.
        """
        objective = get_running_benchmark().get_benchmark_objective()
        task = objective.task_class
        missing = cls.missing_packages()
        variants = []
        if cls.mismatch(task) is None and (cls.in_default_run or chosen("solver")):
            fitting = [p for p in sweep(cls) if cls.misfit_of(p, task) is None]
            variants = [p for p in fitting if objective.asks_for(p)]
        if variants and missing:
            report_once(cls.how_to_install(missing))
            variants = []
        return as_parameters(variants)

    # ---- the run

    _asked: dict = {}  # the objective's parameters
    _user = None  # who corrects the first answers
    _losses: tuple = ()  # of the networks that it trained

    def _set_objective(self, objective):
        self._references = objective.references if self.kind == "oracle" else None
        self._asked = learned_with(objective._parameters)
        self._user = getattr(objective, "user", None)
        return super()._set_objective(objective)

    def set_objective(self, task):
        self._objective = None  # it holds what the answers are compared with
        self.set_task(task)
        if not task.folds:
            self._share()
        self.prepare()

    def _share(self):
        """Read and learn what all models of the task share, off their clocks."""
        self.task.prepare(self.given_axes, self.describes)
        if getattr(self, "supervised", False):
            dictionary = self.given_of(None).dictionary
            if dictionary is not None and hasattr(self, "length"):
                dictionary.patches(self.length)

    def set_task(self, task):
        """Say what is to be learned from.

        Parameters
        ----------
        task : Task
        """
        self.task = task
        self.seed = self.get_seed(use_repetition=True)
        self.given_axes = matching_axes(self.axes, task.axes)

    def prepare(self):
        """Import packages and load weights, off the clock."""

    def run(self, _):
        self._losses = ()
        with PeakMemory() as memory:
            estimate = self._leave_one_out if self.task.folds else self._estimate_all
            self.estimates = estimate()
        self.peak_memory_mb = memory.peak_mb

    def _leave_one_out(self):
        task, estimates, time_fit = self.task, {}, 0.0
        for make_fold in task.folds:  # one after the other, as each learns anew
            self.set_task(make_fold())
            self._share()
            estimates |= self._estimate_all()
            time_fit += self.time_fit
        self.set_task(task)
        self.time_fit = time_fit
        return estimates

    def _estimate_all(self):
        try:
            decode = self._learn()
        except InputError as error:  # there is nothing to learn from
            report_once(f"{self.name}: {error}")
            return {r.id: Estimate(error=str(error)) for r in self.task.test}

        def estimate(recording, hints=()):
            return self._estimate(decode, recording, hints)

        test = self.task.test
        if self._references is not None:
            test = [self._references[recording.id] for recording in test]
        again = estimate if self._is_guided else None
        return answer_guided(self.task, test, estimate, self._user, again)

    @property
    def _is_guided(self):
        """Whether hints change its answer, by the model or by the task's decoder."""
        return self.uses_hints or (self.describes and self.task.decodes_hints)

    def learn_from(self, task, asked, *keep):
        """Learn all that there is to learn for a task, where no benchmark runs.

        Parameters
        ----------
        task : Task
        asked : dict
            Parameters of the objective that asks.
        *keep : callable
            At most one, as `Task.tune` takes it.

        Returns
        -------
        callable or None
            The task's decoder, if the model is one that describes.
        """
        self._asked = learned_with(asked)
        self.set_task(task)
        self.prepare()
        return self._learn(*keep)

    def _estimate(self, decode, recording, hints=()):
        given = self.given_of(recording, hints)
        begin = time.perf_counter()
        description, model = self.describe(given)
        answer, evidence = self.decoded(decode, description, given)
        return Estimate(
            answer,
            model,
            evidence,
            n_parameters=getattr(model, "n_parameters", self.n_parameters),
            time_predict=time.perf_counter() - begin,
            hints=given.hints if self._is_guided else (),
        )

    def _learn(self, *keep):
        """Fit the model and the task's decoder; the decoder, or None."""
        self._state, self.time_fit = (), 0.0
        if hasattr(self, "fit"):
            folders = [SHIPPED, _cache_folder() / "states"]
            state, self.time_fit = self.fitted_in(folders)
            self._state = (state,)
            self._losses += tuple(losses_of(state))
            self.n_parameters = sum(array.size for array in state.values())
        begin = time.perf_counter()
        decode = None
        if self.describes:
            tune = self.task.tune
            decode = tune(lambda track: self.describe(self.given_of(track))[0], *keep)
        self.time_fit += time.perf_counter() - begin
        return decode

    def get_result(self):
        # benchopt keeps solvers until the run ends, which their answers must not be
        estimates, self.estimates = self.estimates, None
        return {
            "estimates": _Uncached(estimates),
            "kind": self.kind,
            "peak_memory_mb": self.peak_memory_mb,
            "time_fit": self.time_fit,
            "losses": json.dumps(self._losses) if self._losses else "",
        }

    # benchopt hashes a solver by its file, its parameters and this state, so that a
    # cached result ends with the code and the packages that it came from.
    def _get_state(self):
        code = digest_of(files_imported(file_of(self._module_filename)))
        return {"code": code, "packages": versions(self.requirements)}

    def __setstate__(self, state):
        """Nothing to restore: what the state says is read where it is needed."""


class LowRankSolver(Solver):
    """A nonnegative low-rank model, which knows no music.

    A subclass defines ``factorize(V, given)``, which gives a model with the members of
    `musaic_core.tasks.base.Model`; with ``fit(train, given)``, ``factorize(V, state,
    given)``. A solver with a parameter ``dictionary`` that is not "blind" is asked only
    where there is a ``given.dictionary``. One with a parameter ``beta`` of 0 models
    powers; one with a parameter ``length`` has the dictionary's patches of so many
    frames, which are learned off its clock.
    """

    answers = None  # whatever the task decodes, unless a subclass names one
    describes = True
    kind = "low-rank"
    axes = ((None, None),)

    @property
    def exponent(self):
        """2 for the Itakura-Saito divergence, which is that of powers; else None.

        Its minimum is the likelihood of Gaussian spectra whose variances, their mean
        powers, are what is factorized (Févotte, Bertin and Durrieu 2009).
        """
        return 2 if getattr(self, "beta", 1) == 0 else None

    @property
    def supervised(self):
        """Whether it uses the dictionary."""
        return getattr(self, "dictionary", "blind") != "blind"

    @property
    def uses_hints(self):
        """Whether it uses the dictionary, which is adapted to hints."""
        return self.supervised

    @classmethod
    def mismatch(cls, task):
        if cls.answers is not None:
            return super().mismatch(task)
        if not task.axes:
            return f"gives factors, and no decoder makes {task.answers} of them"
        if matching_axes(cls.axes, task.axes) is None:
            return f"is for V of {_told(cls.axes)}; the task has none"

    def describe(self, given):
        if self.supervised and given.dictionary is None:
            raise InputError("nothing could be read that a dictionary is learned from")
        model = self.factorize(given.V, *self._state, given)
        return self.task.describe(model, given), model


class _Uncached(dict):
    """Estimates, of which a cache keeps nothing.

    benchopt stores what a solver gives beside the rows that are made of it, and uses
    the rows alone: what is wanted of answers is in these, and in the run's files. Stems
    of a long recording are gigabytes, in temporary files.
    """

    def __reduce__(self):
        return dict, ()


def _told(axes):
    """Axes in words."""
    return " or ".join(" × ".join(name or "any" for name in names) for names in axes)


def _cache_folder():
    """Beside the benchmarks, so that all of them share what is in it."""
    return get_running_benchmark().benchmark_dir.resolve().parent / "__cache__"
