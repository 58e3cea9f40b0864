"""Onsets and frames by a recurrent network, trained on what all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.transcription.decoder import Salience


class Solver(BaseSolver):
    """Onsets and sounding notes by convolutions and recurrences in time, with velocity.

    It hears the spectrogram that factorizations see, and learns as `note_cnn` does; its
    outputs go through the task's decoder. After Hawthorne et al. 2018, with weights
    that all keys share, and much smaller.
    """

    name = "onsets_and_frames"
    answers = "notes"
    describes = True
    in_default_run = False  # it trains for minutes
    axes = (("frequency", "time"),)
    requirements = ["pip::torch"]
    parameters = {"steps": [900], "minutes": [None]}
    test_config = {"steps": 2}

    def prepare(self):
        from musaic_core.learned import velocities
        from musaic_core.learned.onsets_and_frames import OnsetsAndFrames

        self.notes, self.network = velocities, OnsetsAndFrames

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
        )

    def predict(self, recording, state, given):
        told = self.network, given.V, state, given.device
        return Salience(*self.notes.describe(*told))
