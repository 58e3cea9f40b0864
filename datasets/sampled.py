"""Pieces of the embedded corpus, played by recordings of single notes."""

from collections import Counter
from functools import cache, partial

import benchopt
import numpy as np

from musaic_core.benchmark.corpora import MINI
from musaic_core.data.corpus import read_corpus
from musaic_core.data.notes import read_midi
from musaic_core.data.recording import Track

RELEASE = 0.1  # s in which a note dies away when its key is released


class Dataset(benchopt.BaseDataset):
    """Recordings of which it is known what each pitch, or each instrument, sounds like.

    The notes of `mini`'s test pieces, each as it was played alone, as long and as loud
    as the piece has it, at most a second. The stems are what all notes of one pitch
    give, or of one instrument (``knobs``), so that the recording is exactly their sum.
    It is dry. All models learn from the other sound font, so that none has heard what
    is played. Instruments are learned from `mini`'s training pieces, whose stems they
    are. There is no recording whose stems are pitches: dictionaries of these are of all
    single notes, whether they occur or not, and what trains on stems is left out.
    ``tracks`` is the number of pieces, `None` for all, and ``seconds`` how much of each
    is played from its beginning on; the default is for a quick first run.
    """

    name = "sampled"
    parameters = {
        "part": ["quartets"],  # also piano
        "knobs": ["pitches", "instruments"],
        "tracks": [1],
        "seconds": [8],
    }
    test_config = {"knobs": "instruments"}
    requirements = []

    def get_data(self):
        folder, by_pitch = MINI / self.part, self.knobs == "pitches"
        single, played = (
            instruments_in(folder / f"notes-{timbre}") for timbre in ("unseen", "seen")
        )
        pieces = read_corpus(folder / "test")[: self.tracks]
        return {
            "train": [] if by_pitch else read_corpus(folder / "train-unseen"),
            "isolated": [track_of("single notes", single)] if by_pitch else [],
            "test": [
                track_of(p.id, played, by_pitch, p.notes_from, self.seconds)
                for p in pieces
            ],
        }


def instruments_in(folder):
    """Name, audio and notes of each instrument, as files."""
    return tuple(
        (t.id, *t.stem_files.values(), t.notes_from) for t in read_corpus(folder)
    )


def track_of(name, instruments, by_pitch=True, piece=None, seconds=None):
    """A piece, or all single notes, with a stem a pitch or an instrument."""
    told = instruments, by_pitch, piece, seconds
    knobs = dict.fromkeys(knob for *_, knob in scored(*told))
    return Track(name, {knob: partial(played, knob, *told) for knob in knobs})


def scored(instruments, by_pitch, piece, seconds):
    """Of each note its interval, pitch, velocity, instrument and knob.

    Without a piece, all single notes, those of a pitch one after the other.
    """
    if piece is not None:
        notes = read_midi(piece).between(0, seconds)
        notes = zip(*vars(notes).values(), strict=True)
        rows = [(*span, int(pitch), v, str(part)) for span, pitch, v, part in notes]
        return [(*row, str(row[2]) if by_pitch else row[4]) for row in rows]
    rows, count = [], Counter()
    for name, _, midi in instruments:
        for pitch in read_midi(midi).pitches.tolist():
            rows.append((count[pitch], count[pitch] + 1, pitch, 127, name, str(pitch)))
            count[pitch] += 1
    return rows


def played(knob, instruments, by_pitch, piece, seconds):
    """What all notes of a knob give: samples (1, n) and rate."""
    singles = {name: single_notes(audio, midi) for name, audio, midi in instruments}
    rows = scored(instruments, by_pitch, piece, seconds)
    sr = next(iter(singles.values()))[1]
    y = np.zeros(round((max(row[1] for row in rows) + 1) * sr), np.float32)
    for start, end, pitch, velocity, instrument, of in rows:
        if of == knob:
            note = singles[instrument][0][pitch]
            note = note[: round((end - start + RELEASE) * sr)].copy()
            fade = round(RELEASE * sr)
            note[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[-len(note) :]
            there = y[round(start * sr) :][: len(note)]
            there += note[: len(there)] * np.float32(velocity / 127)
    return y[None], sr


@cache
def single_notes(audio, midi):
    """What was played alone, by its pitch, and the rate."""
    track = Track(audio.stem, {audio.stem: audio}, notes_from=midi)
    y, sr = track.audio()
    bounds = np.round(track.notes.onsets * sr).astype(int)
    notes = np.split(y.mean(0), bounds)[1:]
    return dict(zip(track.notes.pitches.tolist(), notes, strict=True)), sr
