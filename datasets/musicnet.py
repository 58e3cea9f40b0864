"""MusicNet: classical chamber music and piano, aligned with its scores."""

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Notes of recordings, in the corpus's own split.

    They were aligned by dynamic time warping, and are off by more than 50 ms in places.
    Dictionaries of notes alone are learned from those of the embedded corpus.
    """

    name = "musicnet"
    about = About(
        title="MusicNet",
        paper="Thickstun, Harchaoui and Kakade 2017",
        knows=("notes",),
        recordings="330 recordings",
        hours="34",
        size="11 GB",
        licence="CC BY 4.0",
        source="https://zenodo.org/records/5120004",
        layout="train_data, train_labels, test_data and test_labels",
        split="the corpus's own: 10 recordings are scored, 320 are learned from",
    )

    def read(self, folder):
        return {
            "isolated": from_mini("quartets")["isolated"],
            "train": tracks_in(folder / "train_data", folder / "train_labels"),
            "test": tracks_in(folder / "test_data", folder / "test_labels"),
        }


def tracks_in(data, labels):
    return [
        Track(file.stem, {"mixture": file}, notes_from=labels / f"{file.stem}.csv")
        for file in sorted(data.glob("*.wav"))
    ]
