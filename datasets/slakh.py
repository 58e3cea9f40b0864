"""Slakh2100: songs of MIDI files, played by sampled instruments."""

from functools import partial

import yaml

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.corpus import tracks_of
from musaic_core.data.errors import blaming
from musaic_core.data.mirdata import load_index, present
from musaic_core.data.recording import Track
from musaic_core.data.sources import read_sum

# General MIDI's programs, and Slakh's own for drums
GROUPS = {
    **dict.fromkeys(range(8), "piano"),
    **dict.fromkeys(range(24, 32), "guitar"),
    **dict.fromkeys(range(32, 40), "bass"),
    128: "drums",
}


class Dataset(Corpus):
    """Notes, and stems: bass, drums, guitar, piano, and all else as other.

    ``version=baby`` is babyslakh, 20 songs at 16 kHz, of which the first ten are
    learned from, as it has no split. Dictionaries of notes alone are learned from those
    of the embedded corpus.
    """

    name = "slakh"
    parameters = Corpus.parameters | {"version": ["2100-redux"]}
    about = About(
        title="Slakh2100",
        paper="Manilow, Wichern, Seetharaman and Le Roux 2019",
        knows=("notes", "stems"),
        recordings="1710 songs; baby 20",
        hours="145 before duplicates were left out; baby 1.4",
        size="105 GB; baby 0.9 GB",
        licence="CC BY 4.0",
        source="https://zenodo.org/records/4599666, https://zenodo.org/records/4603870",
        layout="slakh2100_flac_redux, or babyslakh_16k with version=baby",
        split="the corpus's own (train and test); of babyslakh, the first ten are "
        "learned from",
    )

    def read(self, folder):
        songs = load_index("slakh", folder, self.version).load_multitracks().values()
        if self.version == "baby":
            tracks = tracks_of(track_of, songs)
            split = {"train": tracks[:10], "test": tracks[10:]}
        else:
            split = {
                part: tracks_of(
                    track_of, [song for song in songs if song.split == part]
                )
                for part in ("train", "test")
            }
        return {"isolated": from_mini("songs")["isolated"], **split}


def track_of(song):
    """None if it is not there."""
    notes, metadata = present(song.midi_path), present(song.metadata_path)
    if not notes or not metadata:
        return None
    with blaming(metadata):
        text = metadata.read_text(encoding="utf-8")
        rendered = yaml.load(text, yaml.CSafeLoader)["stems"]
    groups = {}
    for name, stem in rendered.items():
        track = song.tracks.get(f"{song.mtrack_id}-{name}")
        file = track and present(track.audio_path)
        if file:
            groups.setdefault(GROUPS.get(stem["program_num"], "other"), []).append(file)
    stems = {name: partial(read_sum, *files) for name, files in sorted(groups.items())}
    return Track(song.mtrack_id, stems, notes_from=notes)
