"""A small Open-Unmix, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesByMasks


class Solver(SeparatesByMasks, BaseSolver):
    """Masks of each stem on the spectrogram of each channel, by LSTMs in time.

    It learns from what the U-Net learns from, and as it does. The solver ``umx`` has
    the published weights. Stöter et al. 2019.
    """

    name = "open_unmix"
    parameters = {"steps": [360], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned.open_unmix import OpenUnmix

        self.network = OpenUnmix
