"""Spectrograms of notes, made up, for networks to hear."""

import numpy as np

from musaic_core.data.notes import Notes

FRAME = 512 / 22050
FREQUENCIES = np.geomspace(27.5, 10000, 120)


def tones(rows, n_frames):
    """Spectrogram of five decaying harmonics a note, and the notes."""
    notes = Notes.from_rows([(*row, 80, "tone") for row in rows])
    V = np.full((len(FREQUENCIES), n_frames), 1e-4, np.float32)
    for (onset, offset), hz in zip(notes.intervals, notes.hz, strict=True):
        first, last = round(onset / FRAME), round(offset / FRAME)
        for harmonic in range(1, 6):
            band = np.abs(FREQUENCIES - hz * harmonic).argmin()
            V[band, first:last] += 0.95 ** np.arange(last - first) / harmonic
    return V, notes
