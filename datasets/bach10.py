"""Bach10: chorales by Bach for violin, clarinet, saxophone and bassoon."""

from functools import partial

import numpy as np
import scipy.io

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.f0 import F0
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track

PARTS = ("violin", "clarinet", "saxphone", "bassoon")  # as the files are spelt


class Dataset(Corpus):
    """Notes, pitches and stems; each chorale is analysed by what the others teach.

    Dictionaries of notes alone are learned from those of the embedded corpus.
    """

    name = "bach10"
    about = About(
        title="Bach10",
        paper="Duan, Pardo and Zhang 2010",
        knows=("notes", "f0", "stems"),
        recordings="10 chorales",
        hours="0.1",
        size="0.1 GB",
        licence="for research, after a form is filled in",
        source="http://music.cs.northwestern.edu/data/Bach10.html",
        layout="a folder a chorale, such as 01-AchGottundHerr",
        split="it has none: each is scored by what is learned from the nine others",
        published=(
            "frame precision, recall and accuracy, of continuous pitches, on the "
            "tutorial's split (every fifth): Conv2D on a CQT 0.84, 0.71, 0.63; on a "
            "harmonic CQT Conv2D 0.92, 0.79, 0.74, depthwise separable 0.92, 0.78, "
            "0.74, ResNet 0.93, 0.80, 0.75, ConvNeXt 0.92, 0.80, 0.75, U-Net 0.91, "
            "0.78, 0.73 (Peeters et al. 2024)",
        ),
    )

    def read(self, folder):
        tracks = [track_of(file) for file in sorted(folder.glob("**/*-GTNotes.mat"))]
        isolated = from_mini("quartets")["isolated"]
        return {
            "train": tracks,
            "test": tracks,
            "isolated": isolated,
            "leave_one_out": True,
        }


def track_of(file):
    name = file.parent.name
    stems = {part: file.with_name(f"{name}-{part}.wav") for part in PARTS}
    f0 = file.with_name(f"{name}-GTF0s.mat")
    return Track(
        name,
        stems,
        notes_from=partial(read_notes, file),
        f0_from=partial(read_f0, f0) if f0.exists() else None,
    )


def read_notes(file):
    """Notes of the four parts: numbers of frames, and their pitches, of each.

    Frames are 46 ms long and 10 ms apart; the first one is in the middle of 0 to 46 ms.
    """
    rows = []
    parts = scipy.io.loadmat(file)["GTNotes"].ravel()
    for part, notes in zip(PARTS, parts, strict=True):
        for frames, pitches in notes.ravel():
            start, end = 0.023 + 0.01 * (frames[[0, -1]] - 1)
            rows.append((start, end, round(np.median(pitches)), 80, part))
    return Notes.from_rows(rows)


def read_f0(file):
    """Pitches of the four parts in the frames of `read_notes`; 0 is silence."""
    pitches = scipy.io.loadmat(file)["GTF0s"].T
    times = 0.023 + 0.01 * np.arange(len(pitches))
    return F0(times, np.where(pitches > 0, 440 * 2 ** ((pitches - 69) / 12), 0))
