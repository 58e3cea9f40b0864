"""URMP: chamber music whose parts were recorded one by one."""

from functools import partial

import numpy as np

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.errors import blaming
from musaic_core.data.f0 import F0
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Notes, pitches and stems of duets to quintets.

    The corpus has no split; models learn from the embedded corpus's quartets.
    """

    name = "urmp"
    about = About(
        title="URMP",
        paper="Li, Liu, Dinesh, Duan and Sharma 2019",
        knows=("notes", "f0", "stems"),
        recordings="44 pieces",
        hours="1.3",
        size="12.5 GB with videos",
        licence="CC0, of the copy on Dryad; the project's page asks for a form",
        source="https://labsites.rochester.edu/air/projects/URMP.html, or a copy: "
        "https://doi.org/10.5061/dryad.ng3r749",
        layout="a folder a piece, such as 01_Jupiter_vn_vc",
        split="it has none: all are scored; models learn from mini's quartets",
    )

    def read(self, folder):
        pieces = sorted({file.parent for file in folder.glob("**/AuSep_*.wav")})
        return from_mini("quartets") | {"test": [track_of(piece) for piece in pieces]}


def track_of(piece):
    """AuSep_1_vn_01_Jupiter.wav is the first part, a violin, and Notes_… its notes."""
    stems, notes, f0 = {}, {}, []
    for audio in sorted(piece.glob("AuSep_*.wav")):
        number, instrument = audio.stem.split("_")[1:3]
        stems[f"{instrument} {number}"] = audio
        table = audio.with_suffix(".txt").name
        notes[f"{instrument} {number}"] = piece / table.replace("AuSep", "Notes")
        f0.append(piece / table.replace("AuSep", "F0s"))
    are_there = all(file.exists() for file in f0)
    return Track(
        piece.name,
        stems,
        notes_from=partial(read_parts, *notes.items()),
        f0_from=partial(read_f0, *f0) if are_there else None,
    )


def read_parts(*parts):
    """The notes of all parts, each a name and a file.

    In each line are onset (s), frequency (Hz), which may be low enough for a MIDI note
    number, and duration (s).
    """
    rows = []
    for name, file in parts:
        with blaming(file):
            for onset, hz, duration in np.loadtxt(file, ndmin=2):
                pitch = round(69 + 12 * np.log2(hz / 440))
                rows.append((onset, onset + duration, pitch, 80, name))
    return Notes.from_rows(rows)


def read_f0(*parts):
    """Time (s) and frequency (Hz) in each line of a part's file; 0 Hz is silence."""
    return F0.of_voices([np.loadtxt(file, ndmin=2).T for file in parts])
