"""Your own recordings."""

from pathlib import Path

import benchopt
from benchopt.config import get_data_path

from musaic_core.track import Track, read_corpus

MINI = Path(__file__).resolve().parent / "mini"
ANNOTATIONS = {".mid", ".midi", ".lab", ".csv", ".json", ".txt", ".md"}


class Dataset(benchopt.BaseDataset):
    """A folder of WAV, FLAC, Ogg or MP3 files.

    ``song.mid`` beside ``song.wav`` is its reference; a recording without one is
    transcribed and has no score. Models learn from a part of the embedded corpus.
    The folder is ``-d "folder[path=…]"``, or benchopt's data path ``folder``.
    """

    name = "folder"
    parameters = {"path": [None], "learn_from": ["piano"]}
    requirements = []

    def get_data(self):
        path = Path(self.path or get_data_path("folder")).expanduser()
        files = sorted(path.iterdir()) if path.is_dir() else []
        recordings = [
            file
            for file in files
            if file.is_file()
            and not file.name.startswith(".")
            and file.suffix.lower() not in ANNOTATIONS
        ]
        if not recordings:
            return {
                "missing": f"no recordings in {path}; put some there, or name a folder "
                'that has some: -d "folder[path=/my/recordings]"'
            }
        return {
            "train": read_corpus(MINI / self.learn_from / "train-seen"),
            "test": [
                Track(file.name, {"mixture": file}, midi_file=reference(file))
                for file in recordings
            ],
            "isolated": read_corpus(MINI / self.learn_from / "notes-seen"),
        }


def reference(recording):
    for suffix in (".mid", ".midi", ".MID"):
        if recording.with_suffix(suffix).exists():
            return recording.with_suffix(suffix)
    return None
