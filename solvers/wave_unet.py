"""A small Wave-U-Net, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesWaveforms


class Solver(SeparatesWaveforms, BaseSolver):
    """Stems of a waveform, by convolutions at ten rates and no spectrum.

    It hears each channel at 16 kHz, and makes the waveforms of the stems itself: phases
    too. What lies above 8 kHz is shared out as it is below. It learns from stems of any
    training songs, mixed anew and disturbed. Stoller, Ewert and Dixon 2018.
    """

    name = "wave_unet"
    in_default_run = False  # it trains for minutes
    parameters = {"steps": [360], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned.wave_unet import WaveUNet

        self.network = WaveUNet
