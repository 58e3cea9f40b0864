"""Cover80: songs, each in two versions."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.audio import audio_files
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Which work a recording is a version of (``tags["work"]``)."""

    name = "cover80"
    about = About(
        title="Cover80",
        paper="Ellis 2007",
        knows=("work",),
        recordings="160 versions of 80 works",
        hours="",
        size="0.16 GB",
        licence="",
        source="https://labrosa.ee.columbia.edu/projects/coversongs/covers80/",
        layout="covers32k, with a folder a work that has its versions",
        split="all are scored; nothing is learned from",
        published=(
            "of other corpora, which have features alone: mean rank 11.2, mean "
            "reciprocal rank 0.551, precision at 1 0.44, mean average precision 0.11 "
            "on Cover-1000, and 465.3, 0.201, 0.13, 0.073 on DA-TACOS: MOVE on CREMA "
            "(Peeters et al. 2024)",
        ),
    )

    def read(self, folder):
        files = [
            file
            for work in sorted(folder.glob("**/covers32k/*/"))
            for file in audio_files(work)
        ]
        return {"train": [], "test": [track_of(file) for file in files]}


def track_of(file):
    work = file.parent.name
    return Track(f"{work}/{file.stem}", {"mixture": file}, tags={"work": work})
