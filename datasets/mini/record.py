"""Record what was played: a room, a microphone, noise, compression.

All stems of a track go through the same microphone and the same gains in time, so that
the mixture is still their sum.

References
----------
Scheibler, Bezzam and Dokmanić, "Pyroomacoustics: a Python package for audio room
simulation and array processing algorithms", ICASSP 2018.
"""

from dataclasses import dataclass

import numpy as np
import pyroomacoustics as pra
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import lfilter, oaconvolve

ROOMS = {  # length, width and height in m; reverberation time, s
    "booth": ((3.1, 2.4, 2.3), 0.2),
    "living room": ((5.6, 4.3, 2.6), 0.45),
    "studio": ((8.2, 6.1, 3.4), 0.35),
    "classroom": ((9.5, 7.2, 3.2), 0.7),
    "club": ((14.0, 9.0, 4.1), 0.8),
    "chamber hall": ((19.0, 12.5, 8.2), 1.2),
    "church": ((24.0, 13.0, 9.6), 1.8),
}
MICROPHONES = {  # gain in dB at some frequencies in Hz
    "condenser": {40: -4, 90: 0, 3000: 0, 6000: 2, 11000: 3, 16000: -3},
    "large diaphragm": {30: -2, 60: 1, 200: 1, 2000: 0, 9000: 4, 16000: 0},
    "dynamic": {50: -12, 120: -3, 300: 0, 2000: 1, 5000: 5, 8000: 0, 14000: -10},
    "ribbon": {30: 0, 100: 3, 400: 1, 2000: 0, 6000: -3, 10000: -7, 16000: -14},
    "phone": {60: -24, 150: -8, 400: 0, 2000: 2, 4000: 4, 7000: -2, 10000: -12},
}


@dataclass(frozen=True)
class Take:
    """How a track is recorded.

    Distance is in m, noise in dB below the loudness of the music, tuning in cents.
    """

    room: str
    distance: float
    microphone: str
    noise: float
    compression: float  # ratio above the mean loudness
    tuning: float


TAKES = {  # what a part is recorded with, each list gone through again and again
    "quartets": (
        ("chamber hall", "church", "classroom", "living room", "studio"),
        ("condenser", "ribbon", "large diaphragm"),
        dict(distance=(1.5, 4.0), noise=(38, 55), compression=(1, 1.5)),
    ),
    "piano": (
        ("living room", "chamber hall", "classroom", "church", "studio"),
        ("condenser", "phone", "large diaphragm"),
        dict(distance=(0.8, 4.0), noise=(32, 55), compression=(1, 2)),
    ),
    "songs": (
        ("studio", "club", "booth"),
        ("large diaphragm", "condenser", "dynamic", "ribbon"),
        dict(distance=(0.4, 1.2), noise=(50, 65), compression=(2, 4)),
    ),
}


def draw_take(kind, number, rng):
    """Say how the test track of that number in its part is recorded.

    Parameters
    ----------
    kind : str
        A key of `TAKES`.
    number : int
    rng : numpy.random.Generator

    Returns
    -------
    Take
    """
    rooms, microphones, ranges = TAKES[kind]
    drawn = {name: round(float(rng.uniform(*r)), 1) for name, r in ranges.items()}
    return Take(
        room=rooms[number % len(rooms)],
        microphone=microphones[number % len(microphones)],
        tuning=round(float(rng.uniform(-18, 18)), 1),
        **drawn,
    )


def room_responses(take, n_sources, channels, rate):
    """Simulate a room by the image method, the way of the direct sound taken out.

    Parameters
    ----------
    take : Take
    n_sources : int
        Players, who sit in an arc around the microphones.
    channels : int
        Microphones, 20 cm apart.
    rate : int
        Hz.

    Returns
    -------
    list of ndarray, shape (samples, channels)
        One a source.
    """
    size, seconds = ROOMS[take.room]
    size = np.array(size)
    absorption, order = pra.inverse_sabine(seconds, size)
    room = pra.ShoeBox(
        size,
        fs=rate,
        materials=pra.Material(absorption),
        max_order=min(order, 50),  # the rest is below hearing, and slow to compute
        air_absorption=True,
    )
    # Off the middle, where fewer reflections come together.
    middle = size * (0.38, 0.46, 0) + (0, 0, min(1.5, 0.5 * size[2]))
    apart = np.linspace(-0.1, 0.1, channels)[:, None] if channels > 1 else 0
    places = np.atleast_2d(middle + apart * np.array([0, 1, 0]))
    distance = min(take.distance, 0.5 * size[0])
    sources = []
    for angle in np.linspace(-0.7, 0.7, n_sources) if n_sources > 1 else [0.2]:
        way = np.array([np.cos(angle), np.sin(angle), -0.15])
        sources.append(np.clip(middle + distance * way, 0.2, size - 0.2))
        room.add_source(sources[-1])
    room.add_microphone_array(places.T)
    room.compute_rir()
    responses = []
    for i, source in enumerate(sources):
        nearest = np.linalg.norm(places - source, axis=1).min()
        # The library's filters for parts of a sample are late by half their length.
        late = pra.constants.get("frac_delay_length") // 2
        start = late + round(nearest / pra.constants.get("c") * rate)
        length = min(len(room.rir[c][i]) for c in range(channels))
        response = [room.rir[c][i][start - 20 : length] for c in range(channels)]
        responses.append((np.stack(response, 1) * nearest)[: round(2.2 * rate)])
    return responses


def _filter(y, gains, rate):
    """Colour a signal by gains in dB between some frequencies, its phase unchanged."""
    hertz = np.fft.rfftfreq(len(y), 1 / rate)
    decibels = np.interp(
        np.log(np.maximum(hertz, 1)), np.log(list(gains)), list(gains.values())
    )
    spectrum = np.fft.rfft(y, axis=0) * 10 ** (decibels / 20)[:, None]
    return np.fft.irfft(spectrum, len(y), axis=0)


def _gains(mixture, ratio, rate):
    """Return the gains in time of a compressor and of a limiter after it."""
    power = (mixture**2).mean(1)
    forget = np.exp(-1 / (0.08 * rate))
    level = np.sqrt(np.maximum(lfilter([1 - forget], [1, -forget], power), 1e-12))
    over = level / np.sqrt(power.mean())
    gain = np.maximum(over, 1) ** (1 / ratio - 1)
    peaks = gain * np.abs(mixture).max(1)
    limit = np.quantile(peaks, 0.9995)
    around = round(0.005 * rate)
    peaks = maximum_filter1d(peaks, 2 * around + 1)
    gain *= uniform_filter1d(np.minimum(1, limit / np.maximum(peaks, limit)), around)
    return gain[:, None]


def record(stems, take, rate, rng):
    """Record the stems of a track together.

    Parameters
    ----------
    stems : dict of str to ndarray, shape (samples, channels)
        As they were played, dry.
    take : Take
    rate : int
        Hz.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray, shape (samples, channels)
        As they sound in the mixture.
    """
    channels = next(iter(stems.values())).shape[1]
    responses = room_responses(take, len(stems), channels, rate)
    heard = {}
    for (name, dry), response in zip(stems.items(), responses, strict=True):
        wet = oaconvolve(dry, response, axes=0)[20 : 20 + len(dry)]
        heard[name] = _filter(wet, MICROPHONES[take.microphone], rate)
    mixture = sum(heard.values())
    gains = _gains(mixture, take.compression, rate)
    heard = {name: y * gains for name, y in heard.items()}
    # The noise is in one stem, the one that is most of the time in a song.
    noisy = "other" if "other" in heard else next(iter(heard))
    hiss = _filter(rng.normal(size=mixture.shape), {20: 12, 500: 3, 16000: -3}, rate)
    hiss *= np.sqrt((mixture**2).mean() / (hiss**2).mean()) * 10 ** (-take.noise / 20)
    heard[noisy] = heard[noisy] + hiss
    return heard
