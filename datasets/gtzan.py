"""GTZAN: half minutes of ten genres."""

from musaic_core.benchmark.corpora import About, Corpus
from musaic_core.data.corpus import tracks_of
from musaic_core.data.mirdata import load_index, present
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Genres (``tags["genre"]``), and beats by annotators who are not named.

    Some excerpts come twice, and some genres are doubtful: results are to be taken with
    care.

    References
    ----------
    Sturm, "The GTZAN dataset: Its contents, its faults, their effects on evaluation,
    and its future use", arXiv:1306.1461, 2013.
    """

    name = "gtzan"
    about = About(
        title="GTZAN",
        paper="Tzanetakis and Cook 2002; who made the beats is not stated",
        knows=("genre", "beats"),
        recordings="1000 excerpts, 100 of each genre",
        hours="8.3",
        size="",
        licence="none is known, says mirdata",
        source="http://opihi.cs.uvic.ca/sound/genres.tar.gz; beats "
        "https://github.com/TempoBeatDownbeat/gtzan_tempo_beat",
        layout="gtzan_genre/genres, with a folder a genre, and gtzan_tempo_beat-main, "
        "as mirdata has them",
        split="it has none: every fifth is scored, the others are learned from",
        published=(
            "macro recall of the genre 0.56, 0.54, 0.46, 0.56: Conv2D on a log-mel "
            "spectrogram; Conv1D, TCN and SincNet on the waveform (Peeters et al. "
            "2024, on every fifth)",
        ),
    )

    def read(self, folder):
        songs = load_index("gtzan_genre", folder).load_tracks()
        tracks = tracks_of(track_of, [songs[name] for name in sorted(songs)])
        return {
            "train": [track for i, track in enumerate(tracks) if i % 5],
            "test": tracks[::5],
        }


def track_of(song):
    """None if it is not there."""
    audio = present(song.audio_path)
    return audio and Track(
        song.track_id,
        {"mixture": audio},
        beats_from=present(song.beats_path),
        tags={"genre": song.genre},
    )
