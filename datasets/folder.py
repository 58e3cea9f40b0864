"""Your own recordings."""

from pathlib import Path

import benchopt
from benchopt.benchmark import get_running_benchmark
from benchopt.config import get_data_path

from musaic_core.benchmark.choice import runs_all
from musaic_core.benchmark.corpora import from_mini, have_in_common
from musaic_core.data.corpus import read_recordings
from musaic_core.data.errors import InputError, blaming


class Dataset(benchopt.BaseDataset):
    """A folder of audio or video files, or of folders with a file a stem.

    ``song.mid``, ``song.lab`` and ``song.beats`` beside ``song.wav`` are its notes,
    sections and beats; in a folder of stems they are ``notes.mid``, ``sections.lab``
    and ``beats.csv``; `musaic_core.data.annotations` has the forms that are read. A
    recording without reference is analysed and has no score.

    Models learn from a part of the embedded corpus, in both of its timbres: the piano
    pieces where notes are asked for, the songs elsewhere, or what ``learn_from`` names.
    With ``train`` they learn from another such folder, or with ``train=leave_one_out``,
    for each recording, from the others; and with ``isolated``, dictionaries of notes
    are learned from a folder of notes that are played alone. The folder is
    ``-d "folder[path='…']"``, or benchopt's data path ``folder``.

    With ``hints=True`` models are told what a user has said of a recording: what is in
    ``song.hints.json`` beside ``song.wav``, or beside the folder ``song`` of its stems;
    `musaic_core.data.hints` has the form.
    """

    name = "folder"
    # a run of all corpora does not have it
    parameters = {
        "path": [] if runs_all("dataset") else [None],
        "learn_from": [None],
        "train": [None],
        "isolated": [None],
        "hints": [False],
    }
    requirements = []

    def get_data(self):
        try:
            data = {"test": recordings_in(self.path or get_data_path("folder"))}
            task = get_running_benchmark().get_benchmark_objective()
            if self.hints:
                data["hints"] = hints_beside(data["test"])
            data |= from_mini(str(self.learn_from or task.learns_from).lower())
            if self.isolated is not None:
                data["isolated"] = recordings_in(self.isolated)
            if self.train == "leave_one_out":
                if len(data["test"]) == 1:
                    raise InputError(
                        f"{data['test'][0].name}: it is the only recording, and "
                        "leave_one_out takes two at least; put another beside it"
                    )
                return data | {"train": data["test"], "leave_one_out": True}
            if self.train is not None:
                data["train"] = recordings_in(self.train)
            if have_in_common(data["train"], data["test"]):
                raise InputError(
                    "train and path have recordings in common; to learn from all but "
                    "the one that is analysed, set train=leave_one_out"
                )
        except InputError as error:
            return {"missing": str(error)}
        return data


def recordings_in(path):
    folder = Path(str(path)).expanduser()
    if folder.is_file():
        raise InputError(f"{folder} is a file; name the folder that it lies in")
    with blaming(folder):
        tracks = read_recordings(folder) if folder.is_dir() else []
    if not tracks:
        raise InputError(
            f"no recordings in {folder}; put some there, or name a folder that has "
            "some: -d \"folder[path='/my/recordings']\""
        )
    return tracks


def hints_beside(tracks):
    files = {}
    for track in tracks:
        file = next(iter(track.audio_files))
        is_file = "mixture" in track.stem_files
        name = file.stem if is_file else file.parent.name
        folder = file.parent if is_file else file.parent.parent
        files[track.id] = folder / f"{name}.hints.json"
    return {track: file for track, file in files.items() if file.exists()}
