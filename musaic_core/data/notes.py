"""Notes, and their MIDI files."""

import io
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from musaic_core.data.errors import report_once
from musaic_core.data.matching import match_notes
from musaic_core.data.midi import playable


@dataclass
class Notes:
    """Notes in the order of their onsets.

    Parameters
    ----------
    intervals : ndarray of float, shape (n, 2)
        Onset and offset, s.
    pitches : ndarray of int, shape (n,)
        MIDI note numbers.
    velocities : ndarray of int, shape (n,)
        MIDI velocities, 1 to 127.
    parts : ndarray of str, shape (n,)
        Instrument or voice of each note.
    """

    intervals: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray
    parts: np.ndarray

    @classmethod
    def from_rows(cls, rows) -> "Notes":
        """Build notes of rows.

        Parameters
        ----------
        rows : iterable of tuple
            Onset (s), offset (s), pitch, velocity and part, in any order of rows.

        Returns
        -------
        notes : Notes
            In the order of their onsets.
        """
        rows = sorted(rows, key=lambda row: (row[0], row[2]))
        columns = list(zip(*rows, strict=True)) if rows else [[]] * 5
        return cls(
            np.array(columns[:2], dtype=float).reshape(2, -1).T,
            np.array(columns[2], dtype=int),
            np.array(columns[3], dtype=int),
            np.array(columns[4], dtype=str),
        )

    def __len__(self):
        return len(self.pitches)

    def between(self, start: float, end: float) -> "Notes":
        """Notes that begin in a stretch of time.

        Parameters
        ----------
        start, end : float
            The stretch, s.

        Returns
        -------
        notes : Notes
            With times from the start of the stretch on.
        """
        inside = (start <= self.onsets) & (self.onsets < end)
        intervals, *others = (column[inside] for column in vars(self).values())
        return Notes(intervals - start, *others)

    def table(self) -> np.ndarray:
        """Lay the notes out as one array.

        Returns
        -------
        ndarray, shape (n, 3)
            Onset (s), offset (s) and MIDI note number of each.
        """
        return np.column_stack([self.intervals, self.pitches])

    @property
    def onsets(self) -> np.ndarray:
        """Onset times, s."""
        return self.intervals[:, 0]

    @property
    def hz(self) -> np.ndarray:
        """Fundamental frequencies in equal temperament, Hz."""
        return 440.0 * 2.0 ** ((self.pitches - 69) / 12)


def read_midi(file: Path) -> Notes:
    """Read the pitched notes of a MIDI file; each lasts until its sound is damped.

    A key released under the sustain pedal (controller 64) sounds until the pedal
    rises or the key is struck again, as in MAPS and MAESTRO. A pedal is that of a
    channel, whatever track it is in. Tracks of a file of type 2 have each a tempo of
    their own, and begin together.

    Parameters
    ----------
    file : Path
        Of type 0, 1 or 2, with ticks of a beat or of SMPTE frames.

    Returns
    -------
    notes : Notes
        Without drums. One of no length lasts 10 ms, one that is never released until
        the file's last event.

    References
    ----------
    Hawthorne et al., "Onsets and frames: Dual-objective piano transcription", ISMIR
    2018.
    """
    data = playable(Path(file).read_bytes())
    midi = mido.MidiFile(file=io.BytesIO(data), clip=True)
    clocks = [[track] for track in midi.tracks] if midi.type == 2 else [midi.tracks]
    rows, n_held = [], 0
    for tracks in clocks:
        struck, pedals, end = _struck(tracks, midi.ticks_per_beat)
        next_onset = {}
        for onset, release, key, velocity, part in reversed(struck):
            again = next_onset.get(key, np.inf)
            next_onset[key] = onset
            if onset == again:  # one key, twice at once
                continue
            n_held += release is None and again == np.inf
            damped = end if release is None else _damped(release, pedals.get(key[1]))
            damped = max(min(damped, again), onset + SHORTEST)
            rows.append((onset, damped, key[2], velocity, part))
    if n_held:
        report_once(f"{file}: {n_held} notes are never released; they last to its end")
    return Notes.from_rows(rows)


_DRUMS = 9  # the channel
SHORTEST = 0.01  # s, of a note that ends as it begins
_ALL_OFF = {120, 123, 124, 125, 126, 127}  # controllers that release all keys
_PEDAL_UP = {120, 121}  # controllers that end what the pedal holds


@dataclass
class _Key:
    """A key that is down: how often it was pressed, and when last released, s."""

    onset: float
    velocity: int
    part: str
    presses: int
    release: float | None = None


def _struck(tracks, division):
    """Notes of tracks with one clock, in the order of their onsets.

    Each is its onset (s), release (s; None if there is none), key (track, channel,
    number), velocity and part; then come changes of the pedals, (time, whether it is
    down), by channel, and the time of the last event.
    """
    events = []
    for number, track in enumerate(tracks):
        ticks = np.cumsum([message.time for message in track], dtype=np.int64)
        events += [(t, number, m) for t, m in zip(ticks, track, strict=True)]
    events.sort(key=lambda event: event[0])
    times = _seconds(events, division).tolist()
    down, struck, pedals, programs = {}, [], {}, {}

    def up(key):
        note = down.pop(key)
        struck.append((note.onset, note.release, key, note.velocity, note.part))

    for time, (_, number, message) in zip(times, events, strict=True):
        channel = getattr(message, "channel", _DRUMS)
        if channel == _DRUMS:
            continue
        if message.type == "program_change":
            programs[channel] = message.program
        elif message.type == "control_change":
            if message.control == 64 or message.control in _PEDAL_UP:
                pressed = message.control == 64 and message.value >= 64
                pedals.setdefault(channel, []).append((time, pressed))
            if message.control in _ALL_OFF:
                for key in [key for key in down if key[1] == channel]:
                    down[key].release = time
                    up(key)
        elif message.type in ("note_on", "note_off"):
            key = number, channel, message.note
            if message.type == "note_on" and message.velocity:
                presses = 1
                if key in down:  # struck again before all its presses were released
                    presses += down[key].presses
                    up(key)
                part = tracks[number].name or f"program {programs.get(channel, 0)}"
                down[key] = _Key(time, message.velocity, part, presses)
            elif key in down:
                down[key].presses -= 1
                down[key].release = time
                if not down[key].presses:
                    up(key)
    for key in list(down):
        up(key)
    pedals = {channel: np.array(changes) for channel, changes in pedals.items()}
    return sorted(struck, key=lambda note: note[0]), pedals, max(times, default=0)


def _seconds(events, division):
    """When events (tick, track, message) are, s; tempo changes may be in any track."""
    ticks = np.array([tick for tick, *_ in events], float)
    if division < 0:  # SMPTE: frames a second, 29 for 29.97, and ticks a frame
        frames, ticks_per_frame = -(division >> 8), division & 0xFF
        return ticks / (ticks_per_frame * {29: 30 / 1.001}.get(frames, frames))
    if division == 0:
        raise ValueError("it has 0 ticks a beat")
    changes = [(t, m.tempo) for t, _, m in events if m.type == "set_tempo"]
    at, tempo = np.array([(0, mido.midifiles.midifiles.DEFAULT_TEMPO), *changes]).T
    seconds_per_tick = tempo / 1e6 / division
    begin = np.concatenate([[0], np.cumsum(np.diff(at) * seconds_per_tick[:-1])])
    last = np.searchsorted(at, ticks, side="right") - 1
    return begin[last] + (ticks - at[last]) * seconds_per_tick[last]


def _damped(release, pedal):
    """When a key released at `release` (s) falls silent."""
    if pedal is None:
        return release
    times, down = pedal.T
    last = np.searchsorted(times, release, side="right") - 1
    if last < 0 or not down[last]:
        return release
    lifts = times[down == 0]
    lift = np.searchsorted(lifts, release, side="right")
    return lifts[lift] if lift < len(lifts) else release


def write_midi(notes: Notes, file: Path) -> None:
    """Write notes as a MIDI file, one track a part, to a millisecond.

    Parameters
    ----------
    notes : Notes
    file : Path
    """
    midi = mido.MidiFile(ticks_per_beat=960, charset="utf-8")
    tempo = mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(120))
    midi.add_track().append(tempo)
    channels = [channel for channel in range(16) if channel != _DRUMS]
    ticks = np.round(notes.intervals * 2 * midi.ticks_per_beat).astype(int)
    for number, part in enumerate(sorted(set(notes.parts))):
        track = midi.add_track(str(part))
        channel = channels[number % len(channels)]
        events = []
        for i in np.flatnonzero(notes.parts == part):
            onset, offset = ticks[i]
            note = {"channel": channel, "note": int(notes.pitches[i])}
            velocity = int(notes.velocities[i])
            events += [
                (onset, mido.Message("note_on", velocity=velocity, **note)),
                (max(offset, onset + 1), mido.Message("note_off", **note)),
            ]
        # what ends comes before what begins
        events.sort(key=lambda event: (event[0], event[1].type == "note_on"))
        now = 0
        for tick, message in events:
            track.append(message.copy(time=int(tick - now)))
            now = tick
    midi.save(file)


def compare(
    estimate: np.ndarray, reference: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Sort notes by whether their onsets match, within 50 ms and a quarter tone.

    Parameters
    ----------
    estimate, reference : ndarray, shape (n, 3)
        As `Notes.table` gives them; the reference may be None.

    Returns
    -------
    dict of str to ndarray, shape (n, 3)
        ``found``, ``missed`` and ``wrong``; ``estimated`` where there is no reference.
    """
    if reference is None:
        return {"estimated": estimate}
    found = np.zeros(len(estimate), bool)
    heard = np.zeros(len(reference), bool)
    for i, j in match_notes(reference, estimate):
        heard[i] = found[j] = True
    return {
        "found": estimate[found],
        "missed": reference[~heard],
        "wrong": estimate[~found],
    }
