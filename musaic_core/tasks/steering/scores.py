"""How far a user gets what is asked for.

A request is a gain for each stem. The true answer is the sum of the true stems, each
times its gain; a model's is the sum of its parts, each times its gain. So all requests
are scored from inner products of stems and parts, which are computed once.
"""

import numpy as np

REQUESTS = {"muted": 0.0, "halved": 0.5, "doubled": 2.0}
GONE = 30  # dB: what is so much softer than it was counts as gone
SAMPLES_AT_ONCE = 2**18


def steering_scores(
    references: dict[str, np.ndarray], parts: dict[str, np.ndarray]
) -> dict[str, float]:
    """Ask for each stem to be muted, halved and doubled, and score the answers.

    Parameters
    ----------
    references : dict of str to ndarray, shape (channels, samples)
        The true stems, two or more that sound. Those that are silent are not asked for.
    parts : dict of str to array, shape (channels, samples)
        The parts that a model has for them, by the same names.

    Returns
    -------
    dict of str to float
        ``sdr``, ``reach`` and ``spill``, means over all requests; of those of one gain
        (``sdr_muted``), and of those of one stem (``sdr_drums``).

        - ``sdr``: ratio of the true answer to its difference from the model's, dB.
        - ``reach``: how far the stem's level moved, dB, as a ratio of what was asked.
        - ``spill``: how far the levels of the other stems moved, dB, their mean.

        A stem's level in an answer is the coefficient that it has in the least-squares
        fit of the answer by all true stems. Levels that fell by more than `GONE` count
        as fallen by `GONE`, which is also what is asked for with a gain of 0.

    References
    ----------
    Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal Processing 1,
    2022 (the SDR).
    """
    names = list(references)
    true, cross, wrong = _products(references, parts)
    audible = np.flatnonzero(true.diagonal())
    # what each part adds to the levels of the stems that sound, beside its own stem's
    among = true[np.ix_(audible, audible)]
    leaks = np.linalg.lstsq(among, -cross[audible], rcond=1e-12)[0]
    scores = {}
    for stem in audible:
        for request, gain in REQUESTS.items():
            gains = _gains(len(names), stem, gain)
            moved = decibels(gains[audible] + leaks @ gains)
            error = max(gains @ wrong @ gains, 0.0)  # rounding may take it below
            with np.errstate(divide="ignore"):
                sdr = 10 * np.log10((gains @ true @ gains) / error)
            scores[names[stem], request] = {
                "sdr": sdr,
                "reach": moved[audible == stem].item() / decibels(gain).item(),
                "spill": np.abs(moved[audible != stem]).mean(),
            }
    return _means(scores)


def untouched_sdr(references: dict[str, np.ndarray]) -> float:
    """The ``sdr`` of `steering_scores` for the recording as it is, whatever is asked.

    Parameters
    ----------
    references : dict of str to ndarray, shape (channels, samples)
        The true stems.

    Returns
    -------
    float
        dB. Its ``reach`` and ``spill`` are 0.
    """
    true, *_ = _products(references, references)
    sdr = []
    for stem in np.flatnonzero(true.diagonal()):
        for gain in REQUESTS.values():
            gains = _gains(len(true), stem, gain)
            missed = (gain - 1) ** 2 * true[stem, stem]
            sdr.append(10 * np.log10((gains @ true @ gains) / missed))
    return float(np.mean(sdr))


def with_the_rest(
    references: dict[str, np.ndarray], parts: dict[str, np.ndarray], y: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Leave what a model has no part for as it is, whatever is asked for.

    Parameters
    ----------
    references : dict of str to ndarray, shape (channels, samples)
        The true stems, by the names that requests call them.
    parts : dict of str to array, shape (channels, samples)
        A model's: some of these, none, and others that nobody asks for.
    y : ndarray, shape (channels, samples)
        The recording.

    Returns
    -------
    references, parts : dict of str to ndarray, shape (channels, samples)
        As `steering_scores` takes them: a silent one more, which is not asked for, has
        all that no part has.
    """
    silence = np.zeros_like(y)
    parts = {name: np.asarray(parts.get(name, silence)) for name in references}
    return references | {"": silence}, parts | {"": y - sum(parts.values())}


def decibels(gain: float | np.ndarray) -> np.ndarray:
    """The level of a gain.

    Parameters
    ----------
    gain : float or ndarray
        Its sign does not matter.

    Returns
    -------
    ndarray
        dB, from -`GONE` to `GONE`.
    """
    least = 10 ** (-GONE / 20)
    return 20 * np.log10(np.clip(np.abs(gain), least, 1 / least))


def _gains(n, stem, gain):
    """A gain for one of the stems, and 1 for the others."""
    gains = np.ones(n)
    gains[stem] = gain
    return gains


def _products(references, parts):
    """Inner products of stems; of stems and what their parts lack; of what they lack.

    Each is (stems, stems). Signals are read block by block, for memory.
    """
    n = len(references)
    total = np.zeros((2 * n, 2 * n))
    length = next(iter(references.values())).shape[1]
    for first in range(0, length, SAMPLES_AT_ONCE):
        some = np.s_[:, first : first + SAMPLES_AT_ONCE]
        true, found = (
            np.stack([stems[name][some].ravel().astype(float) for name in references])
            for stems in (references, parts)
        )
        signals = np.concatenate([true, true - found])
        total += signals @ signals.T
    return total[:n, :n], total[:n, n:], total[n:, n:]


def _means(scores):
    """Over all requests, over those of each gain, and over those of each stem."""
    stems = dict.fromkeys(stem for stem, _ in scores)
    groups = {"": lambda key: True}
    groups |= {f"_{r}": lambda key, r=r: key[1] == r for r in REQUESTS}
    groups |= {f"_{s}": lambda key, s=s: key[0] == s for s in stems}
    return {
        metric + suffix: float(
            np.mean([values[metric] for key, values in scores.items() if belongs(key)])
        )
        for metric in ("sdr", "reach", "spill")
        for suffix, belongs in groups.items()
    }
