"""URMP: chamber music whose parts were recorded one by one."""

from functools import partial

from musaic_core.benchmark.corpora import About, Corpus, from_mini
from musaic_core.data.annotations import read_notes
from musaic_core.data.notes import Notes
from musaic_core.data.recording import Track


class Dataset(Corpus):
    """Notes and stems of duets to quintets.

    The corpus has no split; models learn from the embedded corpus's quartets.
    """

    name = "urmp"
    about = About(
        title="URMP",
        paper="Li, Liu, Dinesh, Duan and Sharma 2019",
        knows=("notes", "stems"),
        recordings="44 pieces",
        hours="1.3",
        size="12.5 GB with videos",
        licence="for research, after a form is filled in",
        source="https://labsites.rochester.edu/air/projects/URMP.html",
        layout="a folder a piece, such as 01_Jupiter_vn_vc",
        split="it has none: all are scored; models learn from mini's quartets",
    )

    def read(self, folder):
        pieces = sorted({file.parent for file in folder.glob("**/AuSep_*.wav")})
        return from_mini("quartets") | {"test": [track_of(piece) for piece in pieces]}


def track_of(piece):
    """AuSep_1_vn_01_Jupiter.wav is the first part, a violin; Notes_….txt its notes."""
    stems, notes = {}, {}
    for audio in sorted(piece.glob("AuSep_*.wav")):
        number, instrument = audio.stem.split("_")[1:3]
        stems[f"{instrument} {number}"] = audio
        notes[f"{instrument} {number}"] = audio.with_name(
            audio.name.replace("AuSep", "Notes")
        ).with_suffix(".txt")
    return Track(piece.name, stems, notes_from=partial(read_parts, *notes.items()))


def read_parts(*parts):
    """The notes of all parts, each a name and a file."""
    rows = []
    for name, file in parts:
        notes = read_notes(file, float("inf"))
        rows += [
            (*interval, pitch, 80, name)
            for interval, pitch in zip(notes.intervals, notes.pitches, strict=True)
        ]
    return Notes.from_rows(rows)
