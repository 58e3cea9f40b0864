"""MAESTRO: piano competitions, recorded on Disklaviers."""

import csv

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Notes of piano performances, in the corpus's own split.

    Any version will do: its table says which performance is in which part. Dictionaries
    of notes alone are learned from those of the embedded corpus's piano.
    """

    name = "maestro"
    about = About(
        title="MAESTRO",
        paper="Hawthorne et al. 2019",
        knows=("notes",),
        recordings="1276 performances (version 3)",
        hours="199",
        size="101 GB",
        licence="CC BY-NC-SA 4.0",
        source="https://magenta.tensorflow.org/datasets/maestro",
        layout="maestro-v3.0.0.csv and a folder a year",
        split="the corpus's own: test is scored, train is learned from; validation is "
        "left",
        published=("onset F 0.967, on version 2 (Kong et al. 2021)",),
    )

    def read(self, folder):
        split = {"train": [], "test": []}
        for table in sorted(folder.glob("maestro-v*.csv"))[-1:]:
            for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
                audio = folder / row["audio_filename"]
                if row["split"] in split and audio.exists():
                    notes = folder / row["midi_filename"]
                    track = Track(audio.stem, {"mixture": audio}, notes_from=notes)
                    split[row["split"]].append(track)
        return from_mini("piano") | split
