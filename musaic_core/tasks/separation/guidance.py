"""How a listener corrects a separation, and how the rest of it is scored."""

from itertools import pairwise

import numpy as np

from musaic_core.tasks.given import Hint
from musaic_core.tasks.guidance import listened
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.scores import mean_sdr

Stems = dict[str, np.ndarray]

STEP = 0.1  # s that a listener tells apart
SHORTEST, LONGEST = 0.5, 2.0  # s of a stretch that one hint is about
SILENT = 40  # dB that a stem is below the recording's mean power where it is silent
MARGIN = 0.1  # s around a stretch that spectra of it reach into


def corrections(references: Stems, parts: Stems, sr: int) -> list[Hint]:
    """List what there is to say of separated stems, in the order of its being noticed.

    Where one stem alone sounds that is said of it, and elsewhere that a stem is silent.
    It is noticed by how loud that is, in the model's answer, which should not be there.

    Parameters
    ----------
    references, parts : dict of str to ndarray, shape (channels, samples)
        The true stems, and those of a model.
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    list of Hint
        Of where the user listens.
    """
    known = set(parts)  # other names mean nothing to the model
    references, parts, _ = match_stems(references, parts)
    true, found = (_powers([*stems.values()], sr) for stems in (references, parts))
    n_stems, n_steps = true.shape
    sounds = true > 10 ** (-SILENT / 10) * true.sum(0).mean()
    alone = sounds.sum(0) == 1
    heard = listened((np.arange(n_steps) + 0.5) * STEP)
    noticed = []
    for j, name in enumerate(references):
        others = np.arange(n_stems) != j
        for is_solo, there, wrong in (
            (True, alone & sounds[j], found[others].sum(0)),
            (False, ~alone & ~sounds[j], found[j]),
        ):
            for first, last in _stretches(there & heard):
                hint = Hint(name, first * STEP, last * STEP, is_solo)
                noticed.append((wrong[first:last].sum(), hint))
    noticed.sort(key=lambda pair: -pair[0])
    return [hint for _, hint in noticed if hint.label in known]


def score_elsewhere(references: Stems, parts: Stems, sr: int) -> float:
    """SDR of all stems where the user does not listen.

    Parameters
    ----------
    references, parts : dict of str to ndarray, shape (channels, samples)
        The true stems, and those of a model.
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    float
        As `mean_sdr` gives it.
    """
    references, parts, _ = match_stems(references, parts)
    length = next(iter(references.values())).shape[1]
    counts = ~listened(np.arange(length) / sr, MARGIN)
    true, found = (
        np.stack([np.asarray(y)[:, counts] for y in stems.values()])
        for stems in (references, {name: parts[name] for name in references})
    )
    return mean_sdr(true, found, sr)


def _powers(stems, sr):
    """Mean power of each stem in steps of `STEP`."""
    step = round(STEP * sr)
    n_steps = stems[0].shape[1] // step
    return np.stack(
        [
            np.square(np.asarray(y)[:, : n_steps * step], dtype=float)
            .reshape(len(y), n_steps, step)
            .mean((0, 2))
            for y in stems
        ]
    )


def _stretches(there):
    """First and last step of stretches that are long enough, in parts of `LONGEST`."""
    edges = np.flatnonzero(np.diff(there, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2):
        if last - first >= round(SHORTEST / STEP):
            n_parts = -(-(last - first) // round(LONGEST / STEP))
            bounds = np.linspace(first, last, n_parts + 1).round().astype(int).tolist()
            yield from pairwise(bounds)
