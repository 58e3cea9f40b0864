"""MIR-1K: karaoke, with the voice in a channel of its own."""

from functools import partial

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.recording import Track
from musaic_core.data.sources import read_channel

TRAIN = ("abjones", "amy")


class Dataset(Corpus):
    """Short clips of Chinese pop, sung by amateurs: vocals and accompaniment.

    Two singers are learned from, the other 17 are scored.

    References
    ----------
    Huang et al., "Singing-voice separation from monaural recordings using deep
    recurrent neural networks", ISMIR 2014 (the split).
    """

    name = "mir1k"
    about = About(
        title="MIR-1K",
        paper="Hsu and Jang 2010",
        knows=("stems",),
        recordings="1000 clips",
        hours="2.2",
        size="0.8 GB",
        licence="none is stated; CC BY 4.0, says the copy",
        source="http://mirlab.org/dataset/public/, or a copy: "
        "https://figshare.com/articles/dataset/MIR-1K_rar/5802891",
        layout="Wavfile, with accompaniment and voice in two channels",
        split="the customary one: 825 clips are scored, 175 of abjones and amy are "
        "learned from",
    )

    def read(self, folder):
        split = {"train": [], "test": []}
        for file in sorted((folder / "Wavfile").glob("*.wav")):
            stems = {
                "accompaniment": partial(read_channel, file, 0),
                "vocals": partial(read_channel, file, 1),
            }
            part = "train" if file.stem.startswith(TRAIN) else "test"
            split[part].append(Track(file.stem, stems))
        return split
