"""How a listener corrects a separation, and how the rest of it is scored."""

from itertools import pairwise

import numpy as np

from musaic_core.tasks.given import Hint
from musaic_core.tasks.guidance import listened
from musaic_core.tasks.separation.matching import match_stems
from musaic_core.tasks.separation.scores import mean_sdr
from musaic_core.tasks.separation.wiener import (
    HOP,
    WINDOW,
    bin_frequencies,
    magnitudes,
)

Stems = dict[str, np.ndarray]

STEP = 0.1  # s that a listener tells apart
SHORTEST, LONGEST = 0.5, 2.0  # s of a stretch that one hint is about
SILENT = 40  # dB that a stem is below the recording's mean power where it is silent
MARGIN = 0.1  # s around a stretch that spectra of it reach into
# of regions that a listener paints in a spectrogram
BANDS = np.array([0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000.0])  # Hz
PAINTED = 5  # frames that are told apart
OWN = 0.9  # share of a region's power that the stem has whose it is said to be


def corrections(references: Stems, parts: Stems, sr: int) -> list[Hint]:
    """List what there is to say of separated stems, in the order of its being noticed.

    Where one stem alone sounds that is said of it, and elsewhere that a stem is silent.
    Of what is left, regions of the spectrogram are said to be a stem's that has nearly
    all of what sounds there, or to have none of one that has next to nothing of it. All
    is noticed by how loud that is, in the model's answer, which should not be there.

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
    length = next(iter(references.values())).shape[1]
    listening = listened(np.arange(length) / sr)
    references, parts, _ = match_stems(references, parts, listening)
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
            for first, last in _stretches(there & heard, STEP):
                hint = Hint(name, first * STEP, last * STEP, is_solo)
                noticed.append((wrong[first:last].sum() * STEP, hint))
    noticed += _regions(references, parts, sr, alone, sounds)
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
        As `mean_sdr` gives it, of all seconds: who falls silent gains nothing. NaN of
        a recording that the user listens to from beginning to end.
    """
    length = next(iter(references.values())).shape[1]
    counts = ~listened(np.arange(length) / sr, MARGIN)
    if not counts.any():
        return float("nan")
    # by what is scored: else a hint would be worth another match, and that a score
    references, parts, _ = match_stems(references, parts, counts)
    true, found = (
        np.stack([np.asarray(y)[:, counts] for y in stems.values()])
        for stems in (references, {name: parts[name] for name in references})
    )
    return mean_sdr(true, found, sr, silence_counts=True)


def _regions(references, parts, sr, alone, sounds):
    """What there is to paint where no stem is alone; pairs as `corrections` sorts."""
    step = PAINTED * HOP
    true, found = (_painted(stems.values(), sr) for stems in (references, parts))
    n_steps = true.shape[2]
    times = (np.arange(n_steps) + 0.5) * step
    heard = listened(times - 0.49 * step) & listened(times + 0.49 * step)
    at = np.minimum((times / STEP).astype(int), sounds.shape[1] - 1)
    share = true / (true.sum(0) + 1e-12 * true.mean() + 1e-30)
    owned = (share > OWN).any(0)
    for j, name in enumerate(references):
        others = np.arange(len(true)) != j
        for is_own, there, wrong in (
            (True, (share[j] > OWN) & ~alone[at], found[others].sum(0)),
            (False, ~owned & (share[j] < 1 - OWN) & sounds[j, at], found[j]),
        ):
            for band, (low, high) in enumerate(pairwise(BANDS.tolist())):
                for first, last in _stretches(there[band] & heard, step):
                    stretch = first * step, last * step
                    hint = Hint(name, *stretch, is_own, low, high)
                    yield wrong[band, first:last].sum() * step, hint


def _painted(stems, sr):
    """Power of each stem in bands and steps, (stems, bands, steps), as `_powers`."""
    spectra = np.stack([magnitudes(np.asarray(y), sr) for y in stems]) ** 2
    bands = np.digitize(bin_frequencies()[: spectra.shape[1]], BANDS) - 1
    sums = [spectra[:, bands == band].sum(1) for band in range(len(BANDS) - 1)]
    spectra = np.stack(sums, axis=1)
    n_steps = spectra.shape[2] // PAINTED
    spectra = spectra[..., : n_steps * PAINTED]
    powers = spectra.reshape(*spectra.shape[:2], n_steps, PAINTED).mean(3)
    return powers * (2 / (WINDOW * sr) ** 2 / 0.375)  # of samples, by Parseval


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


def _stretches(there, step):
    """First and last step of stretches that are long enough, in parts of `LONGEST`."""
    edges = np.flatnonzero(np.diff(there, prepend=False, append=False))
    for first, last in edges.reshape(-1, 2):
        if last - first >= round(SHORTEST / step):
            n_parts = -(-(last - first) // round(LONGEST / step))
            bounds = np.linspace(first, last, n_parts + 1).round().astype(int).tolist()
            yield from pairwise(bounds)
