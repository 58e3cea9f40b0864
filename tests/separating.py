"""Sounds to separate, and the dictionaries' models that separate them."""

import numpy as np
import soundfile
from solving import factorizer

from musaic_core.data.recording import Track
from musaic_core.lowrank import nmf

SR = 16000


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def tones(sr, *hertz):
    return np.sin(2 * np.pi * np.outer(hertz, np.arange(2 * sr)) / sr)[:, None]


def song(folder, stems, sr=SR):
    folder.mkdir()
    files = {name: folder / f"{name}.wav" for name in stems}
    for name, y in stems.items():
        soundfile.write(files[name], y.T, sr)
    return Track(folder.name, files)


def kl_nmf(V, given):
    if given.dictionary is None:
        return nmf(V, 30, beta=1, max_iter=60, seed=0)
    W = given.dictionary.templates
    R = W.shape[1]
    start = W, np.full((R, V.shape[1]), V.mean(), V.dtype)
    model = nmf(V, R, beta=1, init=start, fixed=("templates",), max_iter=60)
    model.labels = given.dictionary.labels
    return model


FIXED, BLIND = (factorizer(kl_nmf, dictionary) for dictionary in ("fixed", "blind"))
