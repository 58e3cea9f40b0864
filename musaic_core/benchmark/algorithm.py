"""Base class of the solvers that minimise a divergence step by step."""

import math
import traceback

from benchopt.stopping_criterion import StoppingCriterion

from musaic_core.benchmark.memory import PeakMemory
from musaic_core.benchmark.solver import Solver
from musaic_core.data.errors import reason_of, report_once


class Budget(StoppingCriterion):
    """So many iterations, or so long, whichever is first; twice as many each time.

    Parameters
    ----------
    n_iter : int
    seconds : float
        Of the run so far.
    strategy : str, optional
        As benchopt's criteria take it, and so for the others.
    key_to_monitor : str, optional
    minimize : bool
    """

    def __init__(
        self, n_iter=100, seconds=0.5, strategy=None, key_to_monitor=None, minimize=True
    ):
        self.n_iter = n_iter
        self.seconds = seconds
        super().__init__(
            strategy, key_to_monitor, minimize, n_iter=n_iter, seconds=seconds
        )

    def check_convergence(self, objective_list):
        last = objective_list[-1]
        spent = max(last["stop_val"] / self.n_iter, last["time"] / self.seconds)
        error = last.get("objective_relative_error", math.nan)  # none if it failed
        stop = spent >= 1 or not math.isfinite(error)
        return stop, min(spent, 1.0)

    def get_next_stop_val(self, stop_val):
        return min(max(1, 2 * stop_val), self.n_iter)


class Algorithm(Solver):
    """An algorithm that improves given factors of a given model.

    A subclass defines ``minimise(start, n_iter)``: the factors after so many
    iterations, in the order of `musaic_core.tasks.factorization.task.assemble`.
    ``self.task``, an `Approximation`, has the data and all else. Each point of a curve
    is a run of its own, so that every package is timed in the same way, callbacks or
    not.

    Attributes
    ----------
    models : tuple of str
        Those that it can fit.
    betas : tuple of float or None
        Those that it can minimise; None is any.
    """

    sampling_strategy = "iteration"
    stopping_criterion = Budget()
    answers = "factors"
    kind = "peer"
    models: tuple[str, ...] = ("nmf",)
    betas: tuple[float, ...] | None = None

    def misfit(self, task):
        if task.model not in self.models:
            return f"it has no {task.model}"
        if self.betas is not None and task.beta not in self.betas:
            return f"it does not minimise the divergence of β = {task.beta:g}"
        return self._broken(task)

    def _broken(self, task):
        """Say so if the package that it calls can't be used; None if it can."""
        try:
            self.task = task
            self.prepare()
        except Exception as error:
            *_, innermost = traceback.extract_tb(error.__traceback__)
            if innermost.filename == str(self._module_filename):
                raise  # the solver's own mistake
            return f"the package is broken: {reason_of(error, self.name)}"

    def warm_up(self):
        """Load libraries and start their threads, off the clock."""
        self.task.minimise(self.minimise, 1)

    def pre_run_hook(self, n_iter):
        """Start to measure memory, off the clock."""
        self.memory = PeakMemory(collect=n_iter == 0)
        self.memory.__enter__()

    def run(self, n_iter):
        self.time_fit = 0.0
        try:
            self.estimates = self.task.minimise(self.minimise, n_iter)
        finally:
            self.memory.__exit__()

    def get_result(self):
        self.peak_memory_mb = self.memory.peak_mb
        for estimate in self.estimates.values():
            if estimate.error:
                report_once(f"{self}: {estimate.error}")
        return super().get_result()
