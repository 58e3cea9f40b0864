"""Read scores and turn them into human performances.

Written music is a list of `Written` notes in quarter notes; a performance is a
`pretty_midi.PrettyMIDI` in seconds, one instrument a part.
"""

from dataclasses import dataclass, replace

import music21
import numpy as np
import pretty_midi

LEAD_IN = 0.25  # seconds of silence before the first beat
WINDOW = (23.0, 28.5)  # seconds; an excerpt ends at the best phrase end in it
SHORTEST = 0.06  # seconds; a shorter note would not speak


@dataclass(frozen=True)
class Written:
    """A written note; onset and duration are in quarter notes."""

    part: str
    onset: float
    duration: float
    pitch: int
    fermata: bool = False


def read_score(path, parts=None, start=0.0):
    """Read a score from `start` on.

    Parameters
    ----------
    path : str
        Path in music21's corpus, without extension.
    parts : sequence of int, optional
        Parts to keep; all by default.
    start : float
        Quarter notes to leave out.

    Returns
    -------
    notes : list of Written
        Their parts are named "0", "1", ..., and the first one starts at 0. Grace
        notes are left out.
    bars : ndarray
        Onset of each bar in quarter notes.
    """
    score = music21.corpus.parse(path)
    measures = score.parts[parts[0] if parts else 0].getElementsByClass("Measure")
    bars = np.array([float(m.offset) for m in measures])
    notes = []
    for i, part in enumerate(score.stripTies().parts):
        if parts is not None and i not in parts:
            continue
        for element in part.flatten().notes:
            duration = float(element.quarterLength)
            onset = float(element.offset)
            symbol = isinstance(element, music21.harmony.ChordSymbol)
            if onset < start or duration == 0 or symbol:
                continue
            fermata = any("Fermata" in e.classes for e in element.expressions)
            for pitch in element.pitches:
                notes.append(Written(str(i), onset, duration, pitch.midi, fermata))
    first = min(n.onset for n in notes)
    return [replace(n, onset=n.onset - first) for n in notes], bars - first


def excerpt(notes, ends, bpm):
    """Cut a piece at the best of the places where it may end.

    Parameters
    ----------
    notes : list of Written
    ends : iterable of float
        Places in quarter notes.
    bpm : float

    Returns
    -------
    list of Written
        The notes before the end, which is the place within `WINDOW` that the fewest
        notes sound across, and the latest of those.
    """
    last = max(n.onset + n.duration for n in notes)
    low, high = (seconds * bpm / 60 for seconds in WINDOW)
    if low <= last <= high:
        return notes

    def crossed(end):
        return sum(n.onset < end < n.onset + n.duration for n in notes)

    ends = [end for end in ends if low <= end <= high] or [min(last, high)]
    end = min(ends, key=lambda end: (crossed(end), -end))
    return [
        replace(n, duration=min(n.duration, end - n.onset))
        for n in notes
        if n.onset < end
    ]


def tempo_map(length, bpm, rng, phrase=8.0, drift=0.02, fermatas=(), ritardando=3.0):
    """Make a human tempo curve.

    Parameters
    ----------
    length : float
        Length of the piece in quarter notes.
    bpm : float
        Quarter notes a minute, on average.
    rng : numpy.random.Generator
    phrase : float
        Length of a phrase in quarter notes; each one speeds up, then slows down.
    drift : float
        Size of the slow random walk and of the phrase arcs, relative to the tempo.
    fermatas : iterable of (float, float)
        Onset and end, in quarter notes, of held notes.
    ritardando : float
        Length of the final slowing down in quarter notes.

    Returns
    -------
    callable
        Maps positions in quarter notes to seconds.
    """
    step = 0.125
    grid = np.arange(0, length + 16, step)
    walk = np.zeros(len(grid))
    for i in range(1, len(grid)):  # a random walk pulled back to the tempo
        walk[i] = 0.99 * walk[i - 1] + rng.normal(0, 0.14)
    arc = np.cos(2 * np.pi * grid / phrase)
    stretch = 1 + drift * np.clip(walk, -2, 2) + drift * arc
    for start, end in fermatas:
        stretch[(grid >= start) & (grid < end)] *= 1.45
    if ritardando:
        slowing = np.clip((grid - length + ritardando) / ritardando, 0, 1)
        stretch *= 1 + 0.45 * slowing**2
    seconds = LEAD_IN + np.concatenate([[0], np.cumsum(stretch * step * 60 / bpm)])
    grid = np.append(grid, grid[-1] + step)
    return lambda position: np.interp(position, grid, seconds)


def add_note(instrument, onset, offset, pitch, velocity):
    """Append a note, its velocity rounded and clipped to 20-120."""
    velocity = int(np.clip(round(velocity), 20, 120))
    offset = max(offset, onset + SHORTEST)
    instrument.notes.append(
        pretty_midi.Note(velocity, int(pitch), float(onset), float(offset))
    )


def no_overlap(instrument):
    """Cut each note just before the next of its pitch, and drop unplayable ones."""
    by_pitch = {}
    for note in sorted(instrument.notes, key=lambda n: (n.pitch, n.start, -n.end)):
        line = by_pitch.setdefault(note.pitch, [])
        if line and note.start - line[-1].start < SHORTEST:
            continue  # two voices meet on one key
        if line:
            line[-1].end = min(line[-1].end, note.start - 0.01)
        line.append(note)
    notes = [n for line in by_pitch.values() for n in line]
    instrument.notes = sorted(notes, key=lambda n: (n.start, n.pitch))


def new_midi():
    """Return an empty PrettyMIDI in the corpus' format: 960 ticks, 120 bpm."""
    return pretty_midi.PrettyMIDI(resolution=960, initial_tempo=120)


def play_ensemble(written, programs, bpm, rng, loose=1.0):
    """Perform a piece in which each part plays one note at a time.

    Parameters
    ----------
    written : list of Written
    programs : dict of str to int
        General MIDI program of each part; the order is that of the MIDI tracks.
    bpm : float
    rng : numpy.random.Generator
    loose : float
        How far timing is from that of a usual, tidy performance.

    Returns
    -------
    pretty_midi.PrettyMIDI
    """
    length = max(w.onset + w.duration for w in written)
    holds = {(w.onset, w.onset + w.duration) for w in written if w.fermata}
    seconds = tempo_map(length, bpm, rng, fermatas=sorted(holds), drift=0.03 * loose)
    midi = new_midi()
    for part, program in programs.items():
        line = sorted((w for w in written if w.part == part), key=lambda w: w.onset)
        onsets = seconds([w.onset for w in line])
        onsets = onsets + loose * np.clip(rng.normal(0, 0.012, len(line)), -0.03, 0.03)
        mean_pitch = np.mean([w.pitch for w in line])
        instrument = pretty_midi.Instrument(program, name=part)
        for i, note in enumerate(line):
            end = seconds(note.onset + note.duration)
            # Breathe after a fermata, else leave a short articulation gap.
            gap = 0.18 if note.fermata else rng.uniform(0.015, 0.04)
            if i + 1 < len(line):
                end = min(end, onsets[i + 1])
            swell = 6 * np.sin(np.pi * (note.onset % 8) / 8)
            accent = 4 if note.onset % 2 == 0 else 0
            contour = 0.5 * (note.pitch - mean_pitch)
            velocity = 78 + swell + accent + contour + rng.normal(0, 3)
            add_note(instrument, onsets[i], end - gap, note.pitch, velocity)
        midi.instruments.append(instrument)
    return midi


def play_piano(written, bpm, rng, bars, pedal=1.0, loose=1.0):
    """Perform a piece on the piano: spread chords, voiced top notes, pedal.

    Parameters
    ----------
    written : list of Written
        Parts are not told apart.
    bpm : float
    rng : numpy.random.Generator
    bars : ndarray
        Onset of each bar in quarter notes.
    pedal : float
        How much of the time between two harmony changes the pedal is down, 0 to 1.
    loose : float
        How far timing is from that of a usual, tidy performance.

    Returns
    -------
    pretty_midi.PrettyMIDI
    """
    length = max(w.onset + w.duration for w in written)
    phrase = 4 * np.median(np.diff(bars))
    seconds = tempo_map(length, bpm, rng, phrase=phrase, drift=0.035 * loose)
    piano = pretty_midi.Instrument(0, name="piano")
    chords = {}
    for note in written:
        chords.setdefault(note.onset, []).append(note)
    for onset, chord in sorted(chords.items()):
        chord.sort(key=lambda w: w.pitch)
        time = seconds(onset) + loose * np.clip(rng.normal(0, 0.008), -0.02, 0.02)
        for i, note in enumerate(chord):
            start = time + loose * (0.004 * i + rng.uniform(0, 0.006))
            end = seconds(onset + 0.94 * note.duration) + rng.uniform(-0.01, 0.01)
            swell = 7 * np.sin(np.pi * (onset % phrase) / phrase)
            accent = 5 if np.abs(bars - onset).min() < 1e-3 else 0
            voicing = 7 if note is chord[-1] and note.pitch > 62 else -3
            velocity = 66 + swell + accent + voicing + rng.normal(0, 4)
            add_note(piano, start, end, note.pitch, velocity)
    no_overlap(piano)
    _press_pedal(piano, chords, seconds, length, bars, pedal)
    midi = new_midi()
    midi.instruments.append(piano)
    return midi


def _press_pedal(piano, chords, seconds, length, bars, share):
    """Change the pedal (CC64) at each bar and at each new bass note."""
    changes, bass, bar, last = [], None, None, 0.0
    for onset, chord in sorted(chords.items()):
        lowest = chord[0].pitch
        new_bar = np.searchsorted(bars, onset + 1e-3)
        moved = lowest < 57 and lowest % 12 != bass and onset >= last + 1
        if new_bar != bar or moved:
            changes.append(onset)
            bass, bar, last = lowest % 12, new_bar, onset
    for start, end in zip(changes, [*changes[1:], length], strict=True):
        down = seconds(start) + 0.07  # after the old harmony is damped
        up = seconds(start + share * (end - start))
        if up - down > 0.15:
            for value, time in ((100, down), (0, up)):
                change = pretty_midi.ControlChange(64, value, float(time))
                piano.control_changes.append(change)


def play_scale(pitches, program, name, seconds=0.8, gap=0.2):
    """Play isolated notes one after another, mezzo-forte.

    Parameters
    ----------
    pitches : iterable of int
    program : int
    name : str
    seconds, gap : float
        Duration of a note and of the silence after it.

    Returns
    -------
    pretty_midi.PrettyMIDI
    """
    instrument = pretty_midi.Instrument(program, name=name)
    for i, pitch in enumerate(pitches):
        onset = LEAD_IN + i * (seconds + gap)
        add_note(instrument, onset, onset + seconds, pitch, 80)
    midi = new_midi()
    midi.instruments.append(instrument)
    return midi
