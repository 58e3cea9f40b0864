"""Corpora in two files: audio in HDF5, annotations in .pyjama."""

import json
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.benchmark.objective import needs_of_task
from musaic_core.data.errors import InputError
from musaic_core.data.f0 import F0
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track

try:
    import h5py
except ImportError:  # told when it is asked for
    h5py = None

# what a task may need of recordings, and the annotations that tell it
KEYS = {
    "notes": ("pitchmidi", "f0multi"),
    "chords": ("chord",),
    "genre": ("genre",),
    "tags": ("tag",),
}


class Dataset(Corpus):
    """Recordings whose annotations a .pyjama file has, in a tutorial's form.

    ``path`` is the .pyjama file, ``maps.pyjama``; its audio is ``maps_audio.hdf5``
    beside it. Of its recordings those are taken that have what the task needs: notes
    (``pitchmidi``) or frequencies over time (``f0multi``) to be transcribed. Every
    fifth of them is scored, the others are learned from, as in the tutorial.
    Dictionaries of notes alone are learned from those of the embedded corpus.

    For tasks to come, chords (``chord``) are read too, and ``genre`` and ``tag``.

    References
    ----------
    Peeters et al., "Deep learning 101 for audio-based MIR", tutorial at ISMIR 2024.
    """

    name = "pyjama"
    about = About(
        title="MAPS, Bach10 and others as .pyjama",
        paper="Peeters, Meseguer-Brocal, Riou and Lattner 2024",
        knows=("notes", "f0", "chords", "genre", "tags"),
        recordings="135 of MAPS, 10 of Bach10, …",
        hours="",
        size="MAPS 2.3 GB, Bach10 0.13 GB",
        licence="MAPS with its author's permission, for the tutorial",
        source="https://perso.telecom-paristech.fr/gpeeters/tuto_DL101forMIR/",
        layout="maps.pyjama and maps_audio.hdf5, or so of another corpus (path names "
        "the former)",
        split="the tutorial's: every fifth is scored, the others are learned from",
        published=(
            "MAPS, frame precision, recall and accuracy on a harmonic CQT: Conv2D "
            "0.86, 0.75, 0.67; ResNet 0.83, 0.83, 0.71; U-Net 0.84, 0.81, 0.70 "
            "(Peeters et al. 2024)",
            "Bach10: see bach10",
        ),
    )

    def read(self, folder):
        files = sorted(folder.glob("*.pyjama")) if folder.is_dir() else [folder]
        if len(files) != 1:
            raise InputError(f"{folder} has {len(files)} .pyjama files; name one")
        (file,) = files
        if h5py is None:
            raise InputError("h5py reads its audio: pip install h5py")
        audio = file.with_name(f"{file.stem}_audio.hdf5")
        if not audio.exists():
            raise InputError(f"{audio} is not there; unpack it beside {file.name}")
        keys = [key for need in needs_of_task() for key in KEYS.get(need, ())]
        tracks = [
            track_of(file, audio, i)
            for i, entry in enumerate(entries_of(file))
            if any(entry.get(key) for key in keys)
        ]
        if not tracks:
            raise InputError(
                f"{file}: none of its recordings has {' or '.join(keys)}, which the "
                "task needs"
            )
        return {
            "isolated": from_mini("piano")["isolated"],
            "train": [track for i, track in enumerate(tracks) if i % 5],
            "test": tracks[::5],
        }


@lru_cache(maxsize=1)  # as it is large, and has all recordings' annotations
def entries_of(file):
    return json.loads(file.read_text(encoding="utf-8"))["collection"]["entry"]


def track_of(file, audio, number):
    entry = entries_of(file)[number]
    key = entry["filepath"][0]["value"]

    def told(name, read):
        return partial(read, file, number) if entry.get(name) else None

    return Track(
        key,
        {"mixture": partial(read_audio, audio, key)},
        notes_from=told("pitchmidi", read_notes),
        f0_from=told("f0multi", read_f0),
        chords_from=told("chord", read_chords),
        tags={
            "genre": next((genre["value"] for genre in entry.get("genre", ())), None),
            "tags": [tag["value"] for tag in entry.get("tag", ())],
        },
    )


def read_notes(file, number):
    return Notes.from_rows(
        (note["time"], note["time"] + note["duration"], note["value"], 80, "")
        for note in entries_of(file)[number]["pitchmidi"]
    )


def read_f0(file, number):
    """MIDI numbers, voice by voice; 0 is silence."""
    (annotated,) = entries_of(file)[number]["f0multi"]
    pitches = np.array(annotated["value"], float).T
    hz = np.where(pitches > 0, 440 * 2 ** ((pitches - 69) / 12), 0)
    return F0(np.array(annotated["time"], float), hz)


def read_chords(file, number):
    rows = [
        (chord["time"], chord["time"] + chord["duration"], chord["value"])
        for chord in entries_of(file)[number]["chord"]
    ]
    return pd.DataFrame(rows, columns=["start", "end", "label"])


def read_audio(file, key):
    with h5py.File(file) as opened:
        return np.atleast_2d(opened[key][:]), int(opened[key].attrs["sr_hz"])
