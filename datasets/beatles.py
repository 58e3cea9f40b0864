"""The Beatles' songs, annotated by Isophonics."""

from functools import partial

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.corpus import tracks_of
from musaic_core.data.mirdata import load_index, present, read_beats
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Sections and beats of the songs of twelve albums.

    Models learn from the embedded corpus.
    """

    name = "beatles"
    about = About(
        title="Beatles (Isophonics)",
        paper="Mauch et al. 2009",
        knows=("beats", "sections"),
        recordings="180 songs, of 179 of which there are beats",
        hours="8",
        size="annotations alone; audio is on CDs",
        licence="annotations: none is stated",
        source="http://isophonics.net/content/reference-annotations-beatles",
        layout="annotations, as Isophonics has them, and audio, such as "
        "audio/01_-_Please_Please_Me/11_-_Do_You_Want_To_Know_A_Secret.wav",
        split="all are scored; models learn from mini's songs",
    )

    def read(self, folder):
        tracks = load_index("beatles", folder).load_tracks().values()
        return from_mini("songs") | {"test": tracks_of(track_of, tracks)}


def track_of(track):
    """None if a file of it is not there."""
    audio, sections = present(track.audio_path), present(track.sections_path)
    beats = present(track.beats_path)
    if audio and sections:
        return Track(
            track.track_id,
            {"mixture": audio},
            sections_from=sections,
            beats_from=beats and partial(read_beats, "beatles", beats),
        )
