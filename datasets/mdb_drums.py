"""MDB Drums: the productions of MedleyDB whose drums are annotated."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.medleydb import read_multitracks

TRAIN = {
    *("80sRock", "BebopJazz", "Britpop", "CoolJazz", "Disco", "FunkJazz"),
    *("FusionJazz", "Reggae", "Rock", "Rockabilly", "Shadows", "Zeppelin"),
}


class Dataset(Corpus):
    """Stems: bass, drums, vocals, and all else as other, in MIREX's split of 2017."""

    name = "mdb_drums"
    about = About(
        title="MDB Drums",
        paper="Southall, Wu, Lerch and Hockman 2017",
        knows=("stems",),
        recordings="23 songs",
        hours="0.3",
        size="",
        licence="CC BY-NC-SA 4.0",
        source="https://github.com/CarlSouthall/MDBDrums",
        layout="MDB Drums, as it is in the repository",
        split="that of MIREX 2017: 11 are scored, 12 are learned from",
    )

    def read(self, folder):
        split = {"train": [], "test": []}
        for track in read_multitracks(folder):
            title = track.id.removeprefix("MusicDelta_")
            split["train" if title in TRAIN else "test"].append(track)
        return split
