"""A small U-Net, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.networks import SeparatesByMasks, SeparatesWaveforms


class Solver(SeparatesByMasks, BaseSolver):
    """Masks of each stem on the spectrogram of each channel, by a U-Net.

    It learns from stems of any training songs, mixed anew and disturbed; a song in five
    is held out, and says when to stop. The task filters stems out of the mixture by its
    masks, as by those of every model. With ``masks=complex`` it hears each channel at
    16 kHz, phases too, and its masks give the stems phases of their own; what lies
    above 8 kHz is shared out as it is below. Jansson et al. 2017; Williamson, Wang and
    Wang 2016.
    """

    name = "unet"
    parameters = {"masks": ["magnitude"], "steps": [360], "minutes": [None]}

    @property
    def describes(self):
        return self.masks == "magnitude"

    @property
    def separates(self):
        return SeparatesByMasks if self.describes else SeparatesWaveforms

    def prepare(self):
        from musaic_core.learned.unet import ComplexUNet, UNet

        self.network = UNet if self.describes else ComplexUNet

    def fit(self, train, given):
        return self.separates.fit(self, train, given)

    def predict(self, recording, state, given):
        return self.separates.predict(self, recording, state, given)
