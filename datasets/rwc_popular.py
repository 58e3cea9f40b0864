"""RWC Music Database: Popular Music, with AIST's annotations."""

from functools import partial

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.corpus import tracks_of
from musaic_core.data.mirdata import load_index, present, read_beats, read_sections
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Sections and beats of a hundred songs; models learn from the embedded corpus."""

    name = "rwc_popular"
    about = About(
        title="RWC-Popular",
        paper="Goto, Hashiguchi, Nishimura and Oka 2002; annotations Goto 2006",
        knows=("beats", "sections"),
        recordings="100 songs",
        hours="7",
        size="4.1 GB, of RWC-P.zip",
        licence="CC BY-NC 4.0; CDs by agreement with AIST, for research",
        source="https://zenodo.org/records/18656623; annotations "
        "https://staff.aist.go.jp/m.goto/RWC-MDB/AIST-Annotation/",
        layout="RWC-P/RWC_P001.wav and so on, or of the CDs, by disc and track, "
        "audio/rwc-p-m01/1.wav; and annotations, with a folder a kind "
        "(AIST.RWC-MDB-P-2001.CHORUS, …)",
        split="all are scored; models learn from mini's songs",
        published=(
            "macro recall of 25 chords 0.54: Conv2D, Conv1D and LSTM on a CQT (Peeters "
            "et al. 2024); chords are of no task here",
        ),
    )

    def read(self, folder):
        tracks = load_index("rwc_popular", folder).load_tracks().values()
        return from_mini("songs") | {
            "test": tracks_of(partial(track_of, folder), tracks)
        }


def track_of(folder, track):
    """None if a file of it is not there."""
    files = map(present, (track.audio_path, track.sections_path, track.beats_path))
    audio, sections, beats = files
    number = track.track_id.removeprefix("RM-P")
    audio = audio or present(folder / "RWC-P" / f"RWC_P{number}.wav")
    if audio and sections:
        return Track(
            track.track_id,
            {"mixture": audio},
            sections_from=partial(read_sections, "rwc_popular", sections),
            beats_from=beats and partial(read_beats, "rwc_popular", beats),
        )
