"""Disturbances of spectrograms: how the same notes may sound elsewhere.

A network that is trained on a few clean recordings learns their instrument, room and
microphone along with the music. Each function here changes one of these at random, so
that the network cannot rely on it. All take and give magnitude spectrograms (F, T);
sounds are mixed by their powers, as if their phases were independent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from musaic_core.data.notes import Notes

LEAD = 4  # frames before an onset in which a window of eight already hears the note


def mix(*spectrograms: np.ndarray) -> np.ndarray:
    """Magnitudes of a sum of sounds.

    Parameters
    ----------
    *spectrograms : ndarray, shape (F, T)
        Magnitudes of each sound.

    Returns
    -------
    ndarray, shape (F, T)
    """
    return np.sqrt(sum(V**2 for V in spectrograms))


def equalise(
    V: np.ndarray,
    frequencies: np.ndarray,
    rng: np.random.Generator,
    strength: float = 3.0,
) -> np.ndarray:
    """Pass a spectrogram through a random equaliser.

    It has a broad part, three octaves between its random gains, as of microphones and
    instruments, and a narrow one of half the strength, as of rooms and resonances.

    Parameters
    ----------
    V : ndarray, shape (F, T)
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    rng : numpy.random.Generator
    strength : float
        Standard deviation of the broad gains, dB.

    Returns
    -------
    ndarray, shape (F, T)
    """
    octaves = np.log2(frequencies / frequencies[0])
    gains = np.zeros(len(V))
    for spacing, deviation in ((3.0, strength), (0.25, strength / 2)):
        knots = np.arange(0, octaves[-1] + spacing, spacing)
        gains += np.interp(octaves, knots, rng.normal(0, deviation, len(knots)))
    return V * _amplitude(gains, V)[:, None]


def add_noise(
    V: np.ndarray,
    frequencies: np.ndarray,
    rng: np.random.Generator,
    levels: tuple[float, float] = (-70.0, -25.0),
) -> np.ndarray:
    """Add stationary noise of random level and colour.

    Parameters
    ----------
    V : ndarray, shape (F, T)
        Of a recording whose loud notes reach about 1.
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    rng : numpy.random.Generator
    levels : tuple of float
        Least and greatest level at 200 Hz, dB. From there it rises by up to 3 dB an
        octave or falls by up to 9.

    Returns
    -------
    ndarray, shape (F, T)
    """
    tilt = rng.uniform(-9, 3) * np.log2(frequencies / 200)
    colour = _amplitude(rng.uniform(*levels) + np.clip(tilt, -40, 15), V)
    # magnitudes of complex Gaussian noise of power 1
    noise = rng.rayleigh(np.sqrt(0.5), V.shape).astype(V.dtype)
    return mix(V, noise * colour[:, None])


def reverberate(
    V: np.ndarray,
    frequencies: np.ndarray,
    frame: float,
    rng: np.random.Generator,
    times: tuple[float, float] = (0.2, 1.5),
    levels: tuple[float, float] = (-25.0, 0.0),
) -> np.ndarray:
    """Add the exponentially decaying tail of a room.

    Parameters
    ----------
    V : ndarray, shape (F, T)
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz.
    frame : float
        Time between frames, s.
    rng : numpy.random.Generator
    times : tuple of float
        Least and greatest reverberation time (to -60 dB) at 200 Hz, s; higher bands
        decay faster.
    levels : tuple of float
        Least and greatest level of a steady sound's tail beside the sound, dB.

    Returns
    -------
    ndarray, shape (F, T)

    References
    ----------
    Lebart, Boucher and Denbigh, "A new method based on spectral subtraction for speech
    dereverberation", Acta Acustica 87, 2001, model a room by exponentially decaying
    noise, whose power in a spectrogram is this recursion.
    """
    time = np.exp(rng.uniform(*np.log(times)))
    time = time * (frequencies / 200) ** -rng.uniform(0, 0.3)
    decay = (10 ** (-6 * frame / time)).astype(V.dtype)
    power, tail = V**2, np.zeros_like(V)
    for t in range(1, V.shape[1]):
        tail[:, t] = decay * tail[:, t - 1] + (1 - decay) * power[:, t - 1]
    return np.sqrt(power + V.dtype.type(10 ** (rng.uniform(*levels) / 10)) * tail)


def transpose(V: np.ndarray, frequencies: np.ndarray, semitones: float) -> np.ndarray:
    """Shift a spectrogram in frequency, by interpolation between its bands.

    Parameters
    ----------
    V : ndarray, shape (F, T)
    frequencies : ndarray, shape (F,)
        Centre of each band, Hz, increasing.
    semitones : float
        Upwards. Fractions detune.

    Returns
    -------
    ndarray, shape (F, T)
        What would come from beyond the bands is taken from the outermost.
    """
    origin = frequencies * 2 ** (-semitones / 12)
    place = np.interp(origin, frequencies, np.arange(len(V)))
    low = np.minimum(place.astype(int), len(V) - 2)
    share = (place - low).astype(V.dtype)[:, None]
    return (1 - share) * V[low] + share * V[low + 1]


@dataclass
class SingleNote:
    """A note that was heard alone.

    Parameters
    ----------
    V : ndarray, shape (F, T)
        Its spectrogram, of maximum 1, from `LEAD` frames before its onset.
    onset : float
        Frames from the first of V.
    pitch : int
        MIDI number.
    """

    V: np.ndarray
    onset: float
    pitch: int


def single_notes(
    isolated: Iterable[tuple[np.ndarray, Notes]], frame: float
) -> list[SingleNote]:
    """Cut recordings of isolated notes into the notes.

    Parameters
    ----------
    isolated : iterable of (ndarray of shape (F, T), Notes)
        Spectrogram and notes of each recording.
    frame : float
        Time between frames, s.

    Returns
    -------
    list of SingleNote
        Those that can be heard.
    """
    found = []
    for V, notes in isolated:
        for (onset, offset), pitch in zip(
            notes.intervals / frame, notes.pitches, strict=True
        ):
            first = max(0, int(onset) - LEAD)
            clip = V[:, first : int(offset) + LEAD]
            if clip.any():
                found.append(SingleNote(clip / clip.max(), onset - first, int(pitch)))
    return found


def chords(
    notes: list[SingleNote], n_frames: int, frame: float, rng: np.random.Generator
) -> tuple[np.ndarray, Notes]:
    """Play random chords of one to five isolated notes, each with its own loudness.

    Parameters
    ----------
    notes : list of SingleNote
    n_frames : int
        How long to play.
    frame : float
        Time between frames, s.
    rng : numpy.random.Generator

    Returns
    -------
    V : ndarray of float32, shape (F, n_frames)
    played : Notes
    """
    power = np.zeros((len(notes[0].V), n_frames), np.float32)
    rows = []
    time, pace = rng.uniform(-5, 5), np.exp(rng.uniform(*np.log([4, 25])))
    while time < n_frames:
        for choice in rng.integers(len(notes), size=rng.integers(1, 6)):
            note = notes[choice]
            first = round(time + rng.uniform(-1, 1))
            length = np.exp(rng.uniform(*np.log([6, 90])))  # of the sound in frames
            gain = rng.uniform(-30, 0)
            frames = np.arange(
                max(0, first), min(n_frames, first + note.V.shape[1], first + length)
            ).astype(int)
            if len(frames) == 0:
                continue
            release = np.clip((first + length - frames) / 6, 0, 1) ** 2
            sound = note.V[:, frames - first] * (release * 10 ** (gain / 20))
            power[:, frames] += sound**2
            onset, offset = first + note.onset, max(frames[-1] - LEAD, first + LEAD) + 1
            velocity = round(127 * 10 ** (gain / 40))
            rows.append((onset * frame, offset * frame, note.pitch, velocity, "chord"))
        time += pace * rng.uniform(0.5, 1.5)
    return np.sqrt(power), Notes.from_rows(rows)


def _amplitude(decibels, V):
    return (10 ** (decibels / 20)).astype(V.dtype)
