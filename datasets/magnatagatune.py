"""MagnaTagATune: clips that players of a game have tagged."""

import csv

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.recording import Track

# of folders; c is for validation
PART = dict.fromkeys("0123456789ab", "train") | dict.fromkeys("def", "test")


class Dataset(Corpus):
    """Tags (``tags["tags"]``): a list of any of 188, such as guitar, slow and choral.

    Clips that nobody has tagged have none of them.

    References
    ----------
    Dieleman and Schrauwen, "End-to-end learning for music audio", ICASSP 2014 (the
    split).
    """

    name = "magnatagatune"
    about = About(
        title="MagnaTagATune",
        paper="Law, West, Mandel, Bay and Downie 2009",
        knows=("tags",),
        recordings="25,863 clips",
        hours="208",
        size="",
        licence="CC BY-NC-SA 3.0, says http://tagatune.org/Magnatagatune.html",
        source="https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset",
        layout="annotations_final.csv, and the folders 0 to f of clips",
        split="the customary one: folders d to f are scored, 0 to b are learned from, "
        "c is left",
        published=(
            "area under the ROC curve 0.81, average precision 0.29, of the 50 most "
            "used tags: Conv2D on a log-mel spectrogram, on a twentieth of the clips "
            "(Peeters et al. 2024)",
        ),
    )

    def read(self, folder):
        split = {"train": [], "test": []}
        for table in folder.glob("annotations_final.csv"):
            with table.open(encoding="utf-8", newline="") as opened:
                for row in csv.DictReader(opened, delimiter="\t"):
                    audio = folder / row["mp3_path"]
                    part = PART.get(row["mp3_path"][0])
                    if part and audio.exists():
                        split[part].append(track_of(row, audio))
        return split


def track_of(row, audio):
    tags = [name for name, given in row.items() if given == "1" and name != "clip_id"]
    return Track(row["clip_id"], {"mixture": audio}, tags={"tags": tags})
