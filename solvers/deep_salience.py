"""Pitch salience by a convolutional network, trained on what all models learn from."""

from functools import partial

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.transcription.decoder import Salience


class Solver(BaseSolver):
    """Which pitches sound, by convolutions over the harmonics of each.

    It hears the spectrogram that factorizations see, and learns as `note_cnn` does. It
    says what sounds and not what begins, as factorizations do: notes begin where the
    task's decoder finds that its salience rises. ``block`` is what the network is
    built of: plain convolutions, separable, residual or ConvNeXt ones, or a U-Net.
    Bittner et al. 2017.
    """

    name = "deep_salience"
    answers = "notes"
    describes = True
    axes = (("frequency", "time"),)
    requirements = ["pip::torch"]
    parameters = {"block": ["plain"], "steps": [600], "minutes": [None]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned import notes
        from musaic_core.learned.deep_salience import DeepSalience
        from musaic_core.learned.training import halved

        self.notes, self.halved = notes, halved
        self.network = partial(DeepSalience, block=self.block)

    def fit(self, train, given):
        def read(tracks):
            return [(V, track.notes) for track, V in given.read(tracks)]

        state = self.notes.fit(
            self.network,
            read(train),
            read(given.isolated),
            frequencies=given.frequencies,
            frame=given.frame,
            seed=given.seed,
            device=given.device,
            checkpoints=given.checkpoints,
            steps=self.steps,
            minutes=self.minutes,
        )
        return self.halved(state)

    def predict(self, recording, state, given):
        sounding, _ = self.notes.describe(self.network, given.V, state, given.device)
        return Salience(sounding)
