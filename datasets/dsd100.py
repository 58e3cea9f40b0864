"""DSD100: productions in four stems, MUSDB18's predecessor."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.corpus import read_corpus


class Dataset(Corpus):
    """50 songs are learned from (Dev), 50 are scored (Test)."""

    name = "dsd100"
    about = About(
        title="DSD100",
        paper="Liutkus et al. 2017",
        knows=("stems",),
        recordings="100 songs",
        hours="7",
        size="14 GB",
        licence="that of the Mixing Secrets library",
        source="https://sigsep.github.io/datasets/dsd100.html",
        layout="Sources/Dev and Sources/Test, each with a folder a song; Mixtures may "
        "be left out",
        split="the corpus's own: Test is scored, Dev is learned from",
    )

    def read(self, folder):
        return {
            split: read_corpus(part) if part.is_dir() else []
            for split, part in (
                ("train", folder / "Sources" / "Dev"),
                ("test", folder / "Sources" / "Test"),
            )
        }
