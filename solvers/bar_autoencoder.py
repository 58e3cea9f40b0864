"""An auto-encoder of bars, trained on the one recording that it looks at."""

from musaic_core.benchmark.solver import Solver as BaseSolver


class Solver(BaseSolver):
    """Bars told by few nonnegative numbers, of which a network makes them again.

    It learns nothing from other recordings: a network is trained on each one's own
    bars, and its code of a bar describes it, as the activations of a factorization do:
    the numbers of the code are components, which scores of interpretability read.
    Segments and labels are found as for these. Marmoret, Cohen and Bimbot 2022.
    """

    name = "bar_autoencoder"
    answers = "sections"
    describes = True
    in_default_run = False  # it trains for seconds on each recording
    axes = (("frequency × time in bar", "bar"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [600]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned.bar_autoencoder import codes

        self.codes = codes

    def describe(self, given):
        how = {"steps": self.steps, "seed": given.seed, "device": given.device}
        found = self.codes(given.V.T, **how)
        return found.bars, found
