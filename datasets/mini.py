"""The embedded corpus: `datasets/mini/README.md` says how it was made."""

from pathlib import Path

import benchopt

from musaic_core.benchmark.objective import needs_of_task
from musaic_core.data.corpus import read_corpus

ROOT = Path(__file__).resolve().parent / "mini"
KNOWN = {
    "piano": {"notes"},
    "songs": {"notes", "stems", "beats", "sections", "chords"},
    "quartets": {"notes", "stems"},
}
FITTING = [part for part, known in KNOWN.items() if needs_of_task() <= known]


class Dataset(benchopt.BaseDataset):
    """Bach chorales for four instruments, solo piano, and songs in four stems.

    Test recordings are made in rooms. ``timbre`` says whether the training recordings
    and isolated notes come from the sound font of every other test recording (`seen`)
    or from one that none of them has (`unseen`). ``tracks`` is the number of test
    recordings, the first of the part by name; `None` takes all. The default is three
    pieces for piano, or songs where the task needs what only songs know, so that a
    first run is quick: in both sound fonts, and each in a room of its own.
    """

    name = "mini"
    parameters = {
        "part": FITTING[:1],
        "timbre": ["unseen"],
        "tracks": [3],
    }
    test_config = {"part": "songs", "timbre": "seen", "tracks": 2}
    requirements = []

    def get_data(self):
        folder = ROOT / self.part
        return {
            "train": read_corpus(folder / f"train-{self.timbre}"),
            "test": read_corpus(folder / "test")[: self.tracks],
            "isolated": read_corpus(folder / f"notes-{self.timbre}"),
        }
