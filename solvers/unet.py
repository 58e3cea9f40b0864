"""A small U-Net, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesByMasks


class Solver(SeparatesByMasks, BaseSolver):
    """Masks of each stem on the spectrogram of each channel, by a U-Net.

    It learns from stems of any training songs, mixed anew and disturbed; a song in five
    is held out, and says when to stop. The task filters stems out of the mixture by its
    masks, as by those of every model. Jansson et al. 2017.
    """

    name = "unet"
    parameters = {"steps": [360], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned.unet import UNet

        self.network = UNet
