"""Your own recordings."""

from pathlib import Path

import benchopt
from benchopt.benchmark import get_running_benchmark
from benchopt.config import get_data_path

from musaic_core.benchmark.choice import runs_all
from musaic_core.data.audio import audio_files
from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track

MINI = Path(__file__).resolve().parent / "mini"


class Dataset(benchopt.BaseDataset):
    """A folder of audio or video files, or of folders with a file a stem.

    ``song.mid``, ``song.lab`` and ``song.csv`` beside ``song.wav`` are its notes,
    sections and beats; in a folder of stems they are ``notes.mid``, ``sections.lab``
    and ``beats.csv``. A recording without reference is analysed and has no score.
    Models learn from a part of the embedded corpus, in both of its timbres: the piano
    pieces where notes are asked for, the songs elsewhere, or what ``learn_from`` names.
    The folder is
    ``-d "folder[path=…]"``, or benchopt's data path ``folder``.
    """

    name = "folder"
    # a run of all corpora does not have it
    parameters = {"path": [] if runs_all("dataset") else [None], "learn_from": [None]}
    requirements = []

    def get_data(self):
        path = Path(self.path or get_data_path("folder")).expanduser()
        tracks = read_folder(path) if path.is_dir() else []
        if not tracks:
            return {
                "missing": f"no recordings in {path}; put some there, or name a folder "
                'that has some: -d "folder[path=/my/recordings]"'
            }
        task = get_running_benchmark().get_benchmark_objective()
        part = MINI / str(self.learn_from or task.learns_from)
        if not part.is_dir():
            parts = sorted(folder.name for folder in MINI.iterdir() if folder.is_dir())
            return {"missing": f"learn_from={part.name}: choose {', '.join(parts)}"}
        return {
            "train": read_all(part.glob("train-*")),
            "test": tracks,
            "isolated": read_all(part.glob("notes-*")),
        }


def read_all(folders):
    return [track for folder in sorted(folders) for track in read_corpus(folder)]


def read_folder(path):
    recordings = [
        Track(
            file.name,
            {"mixture": file},
            notes_from=beside(file, ".mid", ".midi", ".MID"),
            beats_from=beside(file, ".csv"),
            sections_from=beside(file, ".lab"),
        )
        for file in audio_files(path)
    ]
    return recordings + [track for track in read_corpus(path) if track.stem_files]


def beside(recording, *suffixes):
    files = (recording.with_suffix(suffix) for suffix in suffixes)
    return next((file for file in files if file.exists()), None)
