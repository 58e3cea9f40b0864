"""Corpora in two files: audio in HDF5, annotations in .pyjama."""

import json
from functools import lru_cache, partial

import numpy as np

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.errors import InputError
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track

try:
    import h5py
except ImportError:  # told when it is asked for
    h5py = None


class Dataset(Corpus):
    """Recordings whose notes (``pitchmidi``) a .pyjama file has, in a tutorial's form.

    ``path`` is the .pyjama file, ``maps.pyjama``; its audio is ``maps_audio.hdf5``
    beside it. Every fifth recording is scored, the others are learned from, as in the
    tutorial. Dictionaries of notes alone are learned from those of the embedded corpus.

    References
    ----------
    Peeters et al., "Deep learning 101 for audio-based MIR", tutorial at ISMIR 2024.
    """

    name = "pyjama"
    about = About(
        title="MAPS as .pyjama",
        paper="Peeters, Meseguer-Brocal, Riou and Lattner 2024",
        knows=("notes",),
        recordings="135 of MAPS",
        hours="",
        size="2.3 GB",
        licence="with the authors' permission, for the tutorial",
        source="https://perso.telecom-paristech.fr/gpeeters/tuto_DL101forMIR/",
        layout="maps.pyjama and maps_audio.hdf5 (path names the former)",
        split="the tutorial's: every fifth is scored, the others are learned from",
        published=(
            "frame precision, recall and accuracy on a harmonic CQT: Conv2D 0.86, "
            "0.75, 0.67; ResNet 0.83, 0.83, 0.71; U-Net 0.84, 0.81, 0.70 (Peeters et "
            "al. 2024)",
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
        entries = entries_of(file)
        if not any(entry.get("pitchmidi") for entry in entries):
            raise InputError(f"{file}: none of its recordings has notes (pitchmidi)")
        tracks = [track_of(file, audio, i) for i in range(len(entries))]
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
    notes = partial(read_notes, file, number) if entry.get("pitchmidi") else None
    return Track(key, {"mixture": partial(read_audio, audio, key)}, notes_from=notes)


def read_notes(file, number):
    return Notes.from_rows(
        (note["time"], note["time"] + note["duration"], note["value"], 80, "")
        for note in entries_of(file)[number]["pitchmidi"]
    )


def read_audio(file, key):
    with h5py.File(file) as opened:
        return np.atleast_2d(opened[key][:]), int(opened[key].attrs["sr_hz"])
