"""How training recordings may sound elsewhere.

What is analysed comes from other instruments, rooms and microphones than what models
learn from. A decoder that was tuned on clean recordings of the same would trust models
too much, so it is tuned on recordings that are disturbed at random. Here it is the
sound that is disturbed, so that all models hear the same, whatever they look at;
`musaic_core.learned.disturb` disturbs spectrograms, thousands of them, while networks
are trained.
"""

import numpy as np
from scipy.signal import fftconvolve


def disturbed(y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Play a recording through another instrument's colour, room and microphone.

    Parameters
    ----------
    y : ndarray of float32, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator
        Draws all of it, and a gain of -20 to 0 dB.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
        Nothing in it comes later than in `y`.
    """
    y = equalised(y, sr, rng)
    y = reverberated(y, sr, rng)
    y = noisy(y, sr, rng)
    return y * np.float32(10 ** (rng.uniform(-20, 0) / 20))


def equalised(
    y: np.ndarray, sr: int, rng: np.random.Generator, strength: float = 6.0
) -> np.ndarray:
    """Pass a recording through a random equaliser, with a gain each semitone.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator
    strength : float
        Standard deviation of the gains, dB.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
    """
    hz = np.fft.rfftfreq(y.shape[1], 1 / sr)
    semitones = 12 * np.log2(np.maximum(hz, 20) / 20)
    gains = rng.normal(0, strength, 2 + int(semitones[-1]))
    gains = np.interp(semitones, np.arange(len(gains)), gains)
    spectra = np.fft.rfft(y) * 10 ** (gains / 20)
    return np.fft.irfft(spectra, y.shape[1]).astype(np.float32)


def reverberated(y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Play a recording in a random room.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape (channels, samples)
        The direct sound, and what `room` adds to it.
    """
    response = room(sr, rng, len(y))
    return fftconvolve(y, response, axes=1)[:, : y.shape[1]].astype(np.float32)


def room(sr: int, rng: np.random.Generator, channels: int = 1) -> np.ndarray:
    """Make a room impulse response: direct sound, early reflections, decaying noise.

    Parameters
    ----------
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator
        Draws a reverberation time (to -60 dB) of 0.2 to 1.2 s, and 0 to 20 dB by which
        the direct sound is louder than all that follows.
    channels : int
        Microphones, each with reflections and noise of its own.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
        As long as the reverberation time, with 1 in the first sample.

    References
    ----------
    Polack, "La transmission de l'énergie sonore dans les salles", 1988 (reverberation
    as exponentially decaying noise).
    """
    time = np.exp(rng.uniform(*np.log([0.2, 1.2])))
    t = np.arange(int(time * sr)) / sr
    tail = rng.normal(0, 1, (channels, len(t))) * (t > 0.02)
    early = rng.integers(int(0.003 * sr), int(0.05 * sr), (channels, 8))
    for response, places in zip(tail, early, strict=True):
        response[places] += rng.choice([-1, 1], 8) * np.sqrt(0.005 * sr)
    tail *= 10 ** (-3 * t / time)
    ratio = 10 ** (-rng.uniform(0, 20) / 20)
    tail *= ratio / np.linalg.norm(tail, axis=1, keepdims=True)
    tail[:, 0] = 1
    return tail.astype(np.float32)


def noisy(y: np.ndarray, sr: int, rng: np.random.Generator) -> np.ndarray:
    """Add stationary noise, 20 to 60 dB below the recording.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.
    rng : numpy.random.Generator
        Draws the level and the colour: white, pink or red, or between them.

    Returns
    -------
    ndarray of float32, shape (channels, samples)
    """
    spectra = np.fft.rfft(rng.normal(0, 1, y.shape))
    hz = np.fft.rfftfreq(y.shape[1], 1 / sr)
    spectra *= np.maximum(hz, 20) ** -rng.uniform(0, 1)
    noise = np.fft.irfft(spectra, y.shape[1])
    ratio = 10 ** (-rng.uniform(20, 60) / 20)
    level = ratio * np.sqrt((y**2).mean() / (noise**2).mean())
    return (y + level * noise).astype(np.float32)
