"""A small convolutional network, trained on what all models learn from."""

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.transcription.decoder import Salience


class Solver(BaseSolver):
    """Onsets and sounding notes by convolutions over time, pitch and octaves.

    It hears the spectrogram that factorizations see, read at the harmonics of each
    pitch, and learns from the training recordings and from chords of isolated notes,
    which are disturbed in many ways. Its outputs go through the task's decoder, as
    every model's do. What a user says of a recording adapts its last layer. After
    Bittner et al. 2022, in this form `musaic_core`'s own.
    """

    name = "note_cnn"
    answers = "notes"
    describes = True
    axes = (("frequency", "time"),)
    uses_hints = True
    requirements = ["pip::torch"]
    parameters = {"steps": [1800], "minutes": [None]}

    def prepare(self):
        from musaic_core.learned import adaptation, notes
        from musaic_core.learned.note_cnn import NoteCNN

        self.notes, self.network = notes, NoteCNN
        self.adapt = adaptation.adapt

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
        if given.hints:
            state = self.adapt(self.network, given.V, state, given.hints, given.frame)
        told = self.network, given.V, state, given.device
        return Salience(*self.notes.describe(*told))
