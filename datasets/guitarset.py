"""GuitarSet: six players of an acoustic guitar."""

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.mirdata import load_index, present
from musaic_core.data.recording import Track

TEST = "05"


class Dataset(Corpus):
    """Notes of the microphone's recordings; the sixth player is scored.

    The corpus has no split; models learn from the other five players, and dictionaries
    of notes alone, which it lacks, from those of the embedded corpus's piano.
    """

    name = "guitarset"
    about = About(
        title="GuitarSet",
        paper="Xi, Bittner, Pauwels, Ye and Bello 2018",
        knows=("notes", "beats"),
        recordings="360 excerpts",
        hours="3",
        size="0.7 GB (audio_mono-mic and annotation)",
        licence="CC BY 4.0; MIT, says mirdata",
        source="https://zenodo.org/records/3371780",
        layout="audio_mono-mic and annotation",
        split="it has none: player 05 is scored, 00 to 04 are learned from",
    )

    def read(self, folder):
        split = {"train": [], "test": []}
        for track in load_index("guitarset", folder).load_tracks().values():
            audio, jams = present(track.audio_mic_path), present(track.jams_path)
            if audio and jams:
                part = "test" if track.player_id == TEST else "train"
                made = Track(
                    track.track_id,
                    {"mixture": audio},
                    notes_from=jams,
                    beats_from=jams,
                    tags={"player": track.player_id, "style": track.style},
                )
                split[part].append(made)
        return from_mini("piano") | split
