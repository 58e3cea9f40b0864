"""The embedded corpus: `datasets/mini/README.md` says how it was made."""

from pathlib import Path

import benchopt

from musaic_core.data.track import read_corpus

ROOT = Path(__file__).resolve().parent / "mini"


class Dataset(benchopt.BaseDataset):
    """Bach chorales for four instruments, solo piano, and songs in four stems.

    ``timbre`` says whether the training recordings and isolated notes come from the
    sound font of the test recordings (`seen`) or from another (`unseen`).
    """

    name = "mini"
    parameters = {
        "part": ["piano", "quartets", "songs"],
        "timbre": ["seen", "unseen"],
    }
    test_config = {"part": "piano", "timbre": "seen"}
    requirements = []

    def get_data(self):
        isolated = read_corpus(ROOT / self.part / f"notes-{self.timbre}")
        return {
            "train": read_corpus(ROOT / self.part / f"train-{self.timbre}"),
            "test": read_corpus(ROOT / self.part / "test"),
            "isolated": isolated,
        }
