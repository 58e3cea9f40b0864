"""Onsets and frames by attention, trained on what all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.transcription.decoder import Salience


class Solver(BaseSolver):
    """Onsets and sounding notes by attention over pitches, then in time, with velocity.

    It hears the spectrogram that factorizations see, and learns as `note_cnn` does; its
    outputs go through the task's decoder. After Toyama et al. 2023, much smaller, its
    pitches read at their harmonics.
    """

    name = "hft"
    answers = "notes"
    describes = True
    in_default_run = False  # it trains for minutes
    axes = (("frequency", "time"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [600], "minutes": [None]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned import velocities
        from musaic_core.learned.hft import HFT

        self.notes, self.network = velocities, HFT

    def fit(self, train, given):
        def read(tracks):
            return [(V, track.notes) for track, V in given.read(tracks)]

        return self.notes.fit(
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
            rate=3e-3,  # half of that of convolutions: see docs/models.md
        )

    def predict(self, recording, state, given):
        told = self.network, given.V, state, given.device
        return Salience(*self.notes.describe(*told))
