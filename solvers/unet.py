"""A small U-Net, trained on the stems that all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.examples import stems_of
from musaic_core.tasks.separation.task import POWER, StemSpectrograms


class Solver(BaseSolver):
    """Masks of each stem on the spectrogram of each channel, by a U-Net.

    It learns from stems of any training songs, mixed anew and disturbed; a song in five
    is held out, and says when to stop. The task filters stems out of the mixture by its
    masks, as by those of every model. Jansson et al. 2017.
    """

    name = "unet"
    answers = "stems"
    describes = True
    axes = (("frequency", "time", "channel"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [360], "minutes": [None]}
    test_config = {"steps": 2}

    def misfit(self, task):
        if len(task.labels) < 2:
            return "there are no stems to learn from"

    def prepare(self):
        from musaic_core.learned import masks
        from musaic_core.learned.unet import UNet

        self.masks, self.network = masks, UNet

    def fit(self, train, given):
        return self.masks.fit(
            self.network,
            stems_of(train, self.task),
            labels=given.labels,
            frequencies=given.frequencies,
            frame=given.frame,
            steps=self.steps,
            minutes=self.minutes,
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
        )

    def predict(self, recording, state, given):
        n_stems = len(given.labels)
        return StemSpectrograms(
            self.masks.describe(
                self.network, given.V, state, n_stems, POWER, given.device
            )
        )
