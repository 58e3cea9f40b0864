"""A small Conv-TasNet, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesWaveforms


class Solver(SeparatesWaveforms, BaseSolver):
    """Masks on a learned basis of waveforms: nonnegative weights, filters with signs.

    It hears each channel at 16 kHz, and makes the waveforms of the stems itself: phases
    too. What lies above 8 kHz is shared out as it is below. It learns from stems of any
    training songs, mixed anew and disturbed. Luo and Mesgarani 2019.
    """

    name = "conv_tasnet"
    in_default_run = False  # it trains for minutes
    parameters = {"steps": [360], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned.conv_tasnet import ConvTasNet

        self.network = ConvTasNet
