"""MUSDB18, compressed or HQ: productions in four stems."""

from functools import partial

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track
from musaic_core.data.sources import read_stream

# of the streams in a file; the first one is the mixture, encoded for itself
STREAMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}


class Dataset(Corpus):
    """Rock, pop and more: 100 songs are learned from, 50 are scored.

    The folder is that of MUSDB18-HQ, of WAV files, or of MUSDB18, of STEM files.
    """

    name = "musdb"
    about = About(
        title="MUSDB18",
        paper="Rafii, Liutkus, Stöter, Mimilakis and Bittner 2017",
        knows=("stems",),
        recordings="150 songs",
        hours="10",
        size="4.7 GB; HQ 23 GB",
        licence="academic use; a licence a song",
        source="https://sigsep.github.io/datasets/musdb.html",
        layout="train and test, each with a file (.stem.mp4) or a folder a song",
        split="the corpus's own: 50 songs are scored, 100 are learned from",
        published=(
            "median SDR of vocals, drums, bass, other: 6.32, 5.73, 5.23, 4.02 dB: "
            "Open-Unmix (Stöter et al. 2019)",
        ),
    )

    def read(self, folder):
        return {split: songs(folder / split) for split in ("train", "test")}


def songs(folder):
    files = sorted(folder.glob("*.stem.mp4"))
    if files or not folder.is_dir():
        return [
            Track(
                file.name.removesuffix(".stem.mp4"),
                {stem: partial(read_stream, file, n) for stem, n in STREAMS.items()},
            )
            for file in files
        ]
    return read_corpus(folder)  # which leaves mixture.wav, as stems sum to it
