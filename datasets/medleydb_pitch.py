"""MedleyDB-Pitch: stems of single voices and instruments, and their pitch in time."""

from functools import partial

import numpy as np

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.corpus import tracks_of
from musaic_core.data.f0 import F0
from musaic_core.data.mirdata import load_index, present
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Fundamental frequencies, annotated by hand, of one voice a recording.

    Transcriptions are scored frame by frame. The notes that come with the corpus are
    pYIN's estimates, and no reference: they are left. Models learn from the embedded
    corpus's quartets.
    """

    name = "medleydb_pitch"
    about = About(
        title="MedleyDB-Pitch",
        paper="Bittner et al. 2014",
        knows=("f0",),
        recordings="103 stems of one voice",
        hours="",
        size="",
        licence="CC BY-NC-SA 4.0",
        source="https://zenodo.org/records/2620624, on request",
        layout="audio and pitch, with a file a stem",
        split="all are scored, by frames; models learn from mini's quartets",
    )

    def read(self, folder):
        files = load_index("medleydb_pitch", folder).load_tracks().values()
        return from_mini("quartets") | {"test": tracks_of(track_of, files)}


def track_of(track):
    """None if a file of it is not there."""
    audio, pitch = present(track.audio_path), present(track.pitch_path)
    if audio and pitch:
        return Track(
            track.track_id, {"mixture": audio}, f0_from=partial(read_f0, pitch)
        )


def read_f0(file):
    """Time (s) and frequency (Hz) in each line; 0 Hz is silence."""
    times, hz = np.loadtxt(file, delimiter=",", ndmin=2).T
    return F0(times, hz[:, None])
