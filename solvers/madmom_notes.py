"""madmom's convolutional network, which hears pianos."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.notes import Notes
from musaic_core.tasks.madmom import MADMOM, called_madmom, heard_by_madmom
from musaic_core.tasks.transcription.decoder import Salience
from musaic_core.tasks.transcription.spectrogram import FRAME

FPS = 50  # of what it says


class Solver(BaseSolver):
    """Sounding notes, onsets and offsets by a small network, as published.

    It fits nothing here: its weights are those of the package. The paper trains on the
    synthesised pianos of MAPS and tests on its two Disklaviers, with pieces of the same
    repertory; of the package's weights no more is known, so scores on MAPS are to be
    taken with care. Their licence is CC BY-NC-SA 4.0: not for commercial use. Notes are
    found by the package's hidden Markov model of attack, decay, sustain and release
    (``decoder=own``) or by the task's decoder (``decoder=task``). Kelz, Böck and Widmer
    2019.
    """

    name = "madmom_notes"
    answers = "notes"
    parameters = {"decoder": ["own", "task"]}
    n_parameters = 326_398
    requirements = [f"pip::{MADMOM}"]

    @property
    def describes(self):
        return self.decoder == "task"

    def prepare(self):
        with called_madmom():
            from madmom.features import notes

        self.network = notes.CNNPianoNoteProcessor()
        self.track = notes.ADSRNoteTrackingProcessor()

    def predict(self, recording, given):
        heard = self.network(heard_by_madmom(*recording.audio()))  # (frames, 88, 3)
        if self.decoder == "task":
            return self.salience(heard, recording.duration)
        rows = np.reshape(self.track(heard), (-1, 3))  # onset, pitch, length
        return Notes.from_rows(
            (onset, onset + length, int(pitch), 64, "estimate")
            for onset, pitch, length in rows
        )

    def salience(self, heard, duration):
        """What it says of sounding notes and onsets, at the task's frames."""
        times = np.arange(1 + int(duration / FRAME)) * FRAME
        own = np.arange(len(heard)) / FPS
        sounding, onset = (
            np.stack([np.interp(times, own, row) for row in heard[:, :, k].T])
            for k in (0, 1)
        )
        return Salience(sounding, onset)
