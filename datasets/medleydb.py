"""MedleyDB: multitrack productions of many genres."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.medleydb import read_multitracks


class Dataset(Corpus):
    """Stems: bass, drums, vocals, and all else as other.

    Those with bleed between stems are left out. Every second artist is learned from,
    the others are scored, as the corpus has no split.
    """

    name = "medleydb"
    about = About(
        title="MedleyDB",
        paper="Bittner et al. 2014, 2016",
        knows=("stems",),
        recordings="196 (122 of version 1, 74 of version 2), 116 of them without bleed",
        hours="",
        size="",
        licence="CC BY-NC-SA 4.0",
        source="https://medleydb.weebly.com; audio on request: "
        "https://zenodo.org/records/1649325, https://zenodo.org/records/1715175",
        layout="a folder a song, such as AClassicEducation_NightOwl, with "
        "AClassicEducation_NightOwl_STEMS and AClassicEducation_NightOwl_METADATA.yaml",
        split="it has none: every second artist is scored, the others are learned from",
    )

    def read(self, folder):
        tracks = read_multitracks(folder)
        artists = sorted({track.tags["artist"] for track in tracks})
        learned = set(artists[::2])
        return {
            "train": [track for track in tracks if track.tags["artist"] in learned],
            "test": [track for track in tracks if track.tags["artist"] not in learned],
        }
