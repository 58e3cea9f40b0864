"""What `benchopt test` leaves out: solvers that make no sense for the task."""

import pytest
from benchopt.benchmark import get_running_benchmark


def check_test_solver_run(solver):
    task = get_running_benchmark().get_benchmark_objective().task_class
    reason = solver.mismatch(task)
    if reason is not None:
        pytest.skip(f"{solver.name} {reason}")
    if not task.learns_dictionary:
        solver.test_config = {"dictionary": "blind"}
