"""Self-similarity of the bars themselves."""

from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """No model: bars are compared by their spectra, the baseline to beat.

    Segments and labels are found as for every factorization. Marmoret, Cohen and
    Bimbot 2023.
    """

    name = "barwise_ssm"
    answers = "sections"
    describes = True
    kind = "peer"
    axes = (("frequency × time in bar", "bar"),)

    def predict(self, recording, given):
        return given.V.T
