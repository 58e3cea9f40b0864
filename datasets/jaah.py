"""JAAH: jazz whose choruses, beats and chords are annotated."""

import json
from functools import partial

import pandas as pd

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.audio import audio_files
from musaic_core.data.corpus import tracks_of
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Parts of jazz recordings, such as a head or a solo, and beats.

    Those whose audio is there are scored; models learn from the embedded corpus.
    """

    name = "jaah"
    about = About(
        title="JAAH",
        paper="Eremenko, Demirel, Bozkurt and Serra 2018",
        knows=("beats", "sections"),
        recordings="113 recordings",
        hours="6.9",
        size="annotations alone; audio is not distributed",
        licence="annotations CC BY-NC-SA 4.0, say those who cite "
        "https://zenodo.org/records/1290737; the repository states none",
        source="https://github.com/MTG/JAAH",
        layout="annotations, as it is in the repository, and your recordings in audio, "
        "named as these: audio/airegin.flac",
        split="all are scored; models learn from mini's songs",
    )

    def read(self, folder):
        audio = folder / "audio"
        files = audio_files(audio) if audio.is_dir() else []
        return from_mini("songs") | {"test": tracks_of(track_of, files)}


def track_of(file):
    """None if it is not annotated."""
    annotation = file.parent.parent / "annotations" / f"{file.stem}.json"
    if annotation.exists():
        return Track(
            file.stem,
            {"mixture": file},
            sections_from=partial(read_sections, annotation),
            beats_from=partial(read_beats, annotation),
        )


def read_sections(file):
    """A part lasts until the next one; the last one until the recording's end."""
    jam = json.loads(file.read_text(encoding="utf-8"))
    starts = [
        (beats[0], part["name"])
        for part in jam["parts"]
        if (beats := list(beats_of(part)))
    ]
    table = pd.DataFrame(starts, columns=["start", "label"])
    table["end"] = [*table["start"][1:], jam["duration"]]
    return table[["start", "end", "label"]]


def read_beats(file):
    times = list(beats_of(json.loads(file.read_text(encoding="utf-8"))))
    return pd.DataFrame({"time": times, "position": float("nan")})


def beats_of(part):
    """Beats of a part, and of the parts that it may have."""
    yield from part.get("beats", ())
    for inner in part.get("parts", ()):
        yield from beats_of(inner)
