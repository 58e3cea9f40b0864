"""SALAMI: the structure of much and varied music."""

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.corpus import tracks_of
from musaic_core.data.mirdata import load_index, present
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Large sections (A, B, …) of those recordings whose audio is there.

    Annotations are the first annotator's, or the second's where there is no first.
    Models learn from the embedded corpus.
    """

    name = "salami"
    about = About(
        title="SALAMI",
        paper="Smith, Burgoyne, Fujinaga, De Roure and Downie 2011",
        knows=("sections",),
        recordings="1359 that are annotated",
        hours="",
        size="annotations alone; audio is not distributed",
        licence="annotations CC0",
        source="https://github.com/DDMAL/salami-data-public",
        layout="salami-data-public-hierarchy-corrections, and audio, whose files are "
        "named by the songs' numbers: audio/2.mp3",
        split="all are scored; models learn from mini's songs",
    )

    def read(self, folder):
        tracks = load_index("salami", folder).load_tracks().values()
        return from_mini("songs") | {"test": tracks_of(track_of, tracks)}


def track_of(track):
    """None if a file of it is not there."""
    audio = present(track.audio_path)
    sections = present(track.sections_annotator1_uppercase_path) or present(
        track.sections_annotator2_uppercase_path
    )
    if audio and sections:
        return Track(track.track_id, {"mixture": audio}, sections_from=sections)
