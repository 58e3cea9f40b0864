"""Sing: a glottal pulse at the melody's pitch, breath and consonants, through formants.

The source-filter model of the voice: a sawtooth, whose harmonics fall as those of the
glottal flow do once the lips have radiated it, goes through resonances that move from
syllable to syllable. The vowel begins with the note; a consonant comes before it.

References
----------
Klatt, "Software for a cascade/parallel formant synthesizer", Journal of the Acoustical
Society of America 67 (3), 1980.
"""

from dataclasses import dataclass

import numpy as np

RATE = 44100
STEP = 512  # samples between the frames in which the filter moves
WINDOW = 1024
VOWELS = {  # Hz of the lowest three formants, of a man (Peterson and Barney, 1952)
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
    "er": (490, 1350, 1690),
}
HIGHER = (3300, 4200, 5200, 6200, 7300, 8400, 9500)  # formants that stay, Hz
NASAL = (250, 1100, 2300)
CONSONANTS = {  # how long before the vowel, s; how loud the noise; its centre, Hz
    "s": (0.11, 0.5, 6500),
    "sh": (0.10, 0.5, 3500),
    "f": (0.08, 0.2, 5000),
    "h": (0.06, 0.15, 1800),
    "t": (0.04, 0.5, 4500),
    "k": (0.05, 0.5, 2000),
    "p": (0.04, 0.3, 900),
    "m": (0.07, 0.0, 0),
    "l": (0.06, 0.0, 0),
    "": (0.0, 0.0, 0),
}


@dataclass(frozen=True)
class Singer:
    """A voice: its formants relative to a man's, vibrato (Hz, semitones), breath."""

    formants: float
    vibrato: tuple
    breath: float


SINGERS = {  # formants relative to a man's
    "baritone": 0.97, "tenor": 1.02, "alto": 1.13, "soprano": 1.19
}  # fmt: skip
CASTS = {  # another singer with each font: formants, vibrato, breath
    "fluid": (1.0, (5.5, 0.35), 0.05),
    "timgm": (0.94, (6.2, 0.2), 0.02),
    "musescore": (1.05, (5.0, 0.5), 0.1),
}


def singer_of(voice, font):
    """Return the singer of a voice who sings with a font's instruments."""
    size, vibrato, breath = CASTS[font]
    return Singer(SINGERS[voice] * size, vibrato, breath)


def _smooth(x, seconds):
    """Average over a Hann window of so many seconds."""
    window = np.hanning(max(3, round(seconds * RATE / STEP)) + 2)
    padded = np.pad(x, len(window) // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="same")[
        len(window) // 2 : len(window) // 2 + len(x)
    ]


def _score(notes, singer, n_frames, rng):
    """Lay out what the voice does in each frame.

    Parameters
    ----------
    notes : list of pretty_midi.Note
    singer : Singer
    n_frames : int
    rng : numpy.random.Generator

    Returns
    -------
    pitch, voiced, noise, centre : ndarray, shape (frames,)
        MIDI pitch, gains of the voice and of the consonants, Hz of their noise.
    formants : ndarray, shape (frames, 3)
        Hz.
    """
    frames = np.arange(n_frames) * STEP / RATE
    pitch = np.full(n_frames, float(notes[0].pitch))
    vibrato, scoop = np.zeros(n_frames), np.zeros(n_frames)
    voiced, noise, centre = np.zeros(n_frames), np.zeros(n_frames), np.ones(n_frames)
    formants = np.tile(VOWELS["a"], (n_frames, 1)).astype(float)
    rate, depth = singer.vibrato
    phase = 2 * np.pi * np.cumsum(rate * (1 + 0.08 * _drift(n_frames, rng))) * STEP
    wave = np.sin(phase / RATE)
    ends = [0.0, *(n.end for n in notes[:-1])]
    for note, before in zip(notes, ends, strict=True):
        kind = str(rng.choice(list(CONSONANTS)))
        lead, loudness, hertz = CONSONANTS[kind]
        pitch[frames >= note.start - 0.03] = note.pitch
        since = frames - note.start
        sung = (since >= 0) & (frames < note.end)
        if note.start - before > 0.15:  # a phrase begins a little low
            scoop -= np.where(
                sung, rng.uniform(0, 1.2) * np.exp(-np.maximum(since, 0) / 0.05), 0
            )
        grows = np.clip((since - 0.15) / 0.3, 0, 1) * rng.uniform(0.5, 1.2)
        vibrato[sung] = (depth * grows * wave)[sung]
        voiced[sung] = 10 ** ((note.velocity - 80) / 40)
        syllable = (since >= -lead) & (since < 0)
        formants[since >= -0.02] = VOWELS[str(rng.choice(list(VOWELS)))]
        if kind in ("m", "l"):
            voiced[syllable] = 0.3
            formants[syllable] = NASAL if kind == "m" else VOWELS["er"]
        else:
            voiced[syllable] = 0
            noise[syllable] = loudness * voiced[sung].max(initial=0)
            centre[syllable] = hertz
            if kind in ("t", "k", "p"):  # silence, then a burst
                noise[syllable & (since < -0.02)] = 0
    pitch = _smooth(pitch, 0.07) + scoop + vibrato + 0.12 * _drift(n_frames, rng)
    formants = np.stack([_smooth(f, 0.06) for f in formants.T], 1)
    voiced = _smooth(voiced, 0.035) * (1 + 0.1 * _drift(n_frames, rng))
    return pitch, voiced, _smooth(noise, 0.012), centre, formants


def _drift(n_frames, rng):
    """Make slow random wandering of about unit size."""
    walk = _smooth(rng.normal(size=n_frames), 0.3)
    return walk / walk.std()


def _resonances(hertz, formants):
    """Return the response of resonances in a row at each frequency."""
    formants = np.asarray(formants)[:, None]
    width = 50 + 0.04 * formants
    response = 1 - (hertz / formants) ** 2 + 1j * hertz * width / formants**2
    return 1 / response.prod(0)


def _sawtooth(pitch):
    """Make a sawtooth, its corners rounded so that little of it aliases."""
    step = 440 * 2 ** ((pitch - 69) / 12) / RATE
    phase = np.cumsum(step) % 1
    near, past = phase / step, (phase - 1) / step
    corner = np.where(near < 1, 2 * near - near**2 - 1, 0)
    corner += np.where(past > -1, past**2 + 2 * past + 1, 0)
    return 2 * phase - 1 - corner


def sing(notes, singer, duration, rng, tuning=0.0):
    """Sing a melody on syllables.

    Parameters
    ----------
    notes : list of pretty_midi.Note
        One at a time, in order.
    singer : Singer
    duration : float
        Seconds of audio.
    rng : numpy.random.Generator
    tuning : float
        Cents above 440 Hz.

    Returns
    -------
    ndarray, shape (samples,)
        Audio at 44.1 kHz.
    """
    n_samples = round(duration * RATE)
    n_frames = n_samples // STEP + 2
    score = _score(notes, singer, n_frames, rng)
    pitch, voiced, noise, centre, formants = score
    pitch = pitch + tuning / 100
    at = np.arange((n_frames - 1) * STEP) / STEP
    pitch, gain = (np.interp(at, np.arange(n_frames), x) for x in (pitch, voiced))
    breath = singer.breath * rng.normal(size=len(at))
    voice = gain * (_sawtooth(pitch) + breath)
    hiss = rng.normal(size=len(at))
    voice, hiss = (np.pad(x, WINDOW // 2) for x in (voice, hiss))
    window = np.hanning(WINDOW + 1)[:-1] * 2 * STEP / WINDOW
    hertz = np.fft.rfftfreq(2 * WINDOW, 1 / RATE)
    size = singer.formants
    higher = _resonances(hertz, size * np.array(HIGHER))
    octaves = np.log2(np.maximum(hertz, 20))
    out = np.zeros(len(voice) + 2 * WINDOW)
    for frame in range(n_frames - 1):
        if voiced[frame] < 1e-4 and noise[frame] < 1e-4:
            continue
        here = slice(frame * STEP, frame * STEP + WINDOW)
        spectrum = np.fft.rfft(voice[here] * window, 2 * WINDOW)
        spectrum *= higher * _resonances(hertz, size * formants[frame])
        if noise[frame] > 1e-4:
            band = np.exp(-((octaves - np.log2(centre[frame])) ** 2) / 0.5)
            sound = np.fft.rfft(hiss[here] * window, 2 * WINDOW)
            spectrum += noise[frame] * band * sound
        out[frame * STEP : frame * STEP + 2 * WINDOW] += np.fft.irfft(spectrum)
    return out[WINDOW // 2 : WINDOW // 2 + n_samples]
