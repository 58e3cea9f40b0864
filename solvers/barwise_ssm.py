"""Self-similarity of the bars themselves."""

from musaic_core.benchmark.plugins import Solver as BaseSolver


class Solver(BaseSolver):
    """No model: bars are compared by their spectra, the baseline to beat.

    Segments and labels are found as for every factorization. Marmoret, Cohen and
    Bimbot 2023.
    """

    name = "barwise_ssm"
    answers = "sections"

    def solve(self, task):
        return task.analyse(lambda V: V.T)
