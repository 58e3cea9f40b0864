"""Spectrograms of the embedded corpus."""

from pathlib import Path

import benchopt
import numpy as np

from musaic_core.data.corpus import read_corpus
from musaic_core.tasks.bars import fold_bars
from musaic_core.tasks.transcription.spectrogram import FRAME, spectrogram

MINI = Path(__file__).resolve().parent / "mini"
SECONDS = 20  # of a matrix


class Dataset(benchopt.BaseDataset):
    """Magnitudes of a piano piece and of a song in bands of a third of a semitone.

    ``piano`` and ``song`` are frequency × time, the first 20 s; ``song-bars`` is
    frequency × time in bar × bar, 96 frames a bar. What is 100 dB below the loudest
    entry counts as that, so that divergences with β ≤ 0 are finite.
    """

    name = "spectrograms"
    parameters = {"data": ["piano", "song", "song-bars"]}
    requirements = []

    def get_data(self):
        piece = {"piano": "piano/test/maple-leaf-rag"}
        path = MINI / piece.get(self.data, "songs/test/brass-pocket")
        if not path.is_dir():
            return {"missing": f"{path} is not there; datasets/mini/make.py makes it"}
        track = next(t for t in read_corpus(path.parent) if t.id == path.name)
        V = spectrogram(*track.audio())
        V = np.maximum(V, 1e-5 * V.max())
        if self.data == "song-bars":
            V = fold_bars(V, FRAME, track.downbeats)
            ranks = {"ncp": 24, "ntd": (24, 16, 8)}
        else:
            V = np.ascontiguousarray(V[:, : int(SECONDS / FRAME)])
            ranks = {"nmf": 40}
        name = path.name + (" in bars" if self.data == "song-bars" else "")
        return {"name": name, "V": V, "ranks": ranks}
