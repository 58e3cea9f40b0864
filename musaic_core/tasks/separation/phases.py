"""Phases of sources that are sums of sinusoids, followed from frame to frame."""

import numpy as np

from musaic_core.lowrank.structured.complex_isnmf import expected_values, relation_of

ONSET = 4.0  # how many times more power a frame has than the last one, where one begins


def unrolled_phases(
    X: np.ndarray,
    powers: np.ndarray,
    frequencies: np.ndarray,
    frame: float,
    concentration: float,
) -> np.ndarray:
    """Follow sources through a mixture, each bin by the partial that it is part of.

    A sinusoid of frequency ν goes on by 2π ν in a second, and a bin belongs to the
    nearest peak of its source's spectrum. A frame goes on from what the sources are
    expected to be in the last one. Where a source begins, its phase is unknown: it is
    that of what the others leave.

    Parameters
    ----------
    X : array (F, T)
        Complex spectrum.
    powers : array (N, F, T)
        Of the sources.
    frequencies : array (F,)
        Centres of the bins, equally far apart, Hz.
    frame : float
        Time between two frames, s.
    concentration : float
        κ of the phases about those that are followed; see `complex_isnmf`.

    Returns
    -------
    array (N, F, T)
        Radians.

    References
    ----------
    Magron, Badeau and David, "Model-based STFT phase recovery for audio source
    separation", IEEE/ACM Transactions on Audio, Speech, and Language Processing 26 (6),
    2018.
    """
    phases = np.empty(powers.shape, X.real.dtype)
    powers = powers + 1e-10 * powers.mean() + np.finfo(powers.dtype).tiny
    begins = powers[..., 1:].sum(1) > ONSET * powers[..., :-1].sum(1)
    follows = np.insert(~begins, 0, False, axis=1)
    relation, expected = relation_of(concentration), None
    for t in range(X.shape[1]):
        relations = np.zeros(powers.shape[:2], X.dtype)
        on = follows[:, t]
        if on.any():
            partials = frequencies_of_peaks(np.sqrt(powers[on, :, t]), frequencies)
            followed = np.angle(expected[on]) + 2 * np.pi * frame * partials
            relations[on] = relation * np.exp(2j * followed)
        expected = expected_values(X[:, t], powers[:, :, t], relations)
        phases[:, :, t] = np.angle(expected)
        phases[on, :, t] = followed if on.any() else 0
    return phases


def advances_of(
    powers: np.ndarray, frequencies: np.ndarray, frame: float
) -> tuple[np.ndarray, np.ndarray]:
    """How far the phases of sinusoids go on in a frame, and where sources begin.

    Parameters
    ----------
    powers : array (N, F, T)
        Of the sources; a frame's peaks are its sinusoids.
    frequencies : array (F,)
        Centres of the bins, equally far apart, Hz.
    frame : float
        Time between two frames, s.

    Returns
    -------
    advances : array (N, F, T)
        Radians.
    begins : array (N, T) of bool
        Not of the first frame, before which nothing is known.
    """
    n_sources, n_rows, n_frames = powers.shape
    spectra = np.sqrt(powers).swapaxes(1, 2).reshape(-1, n_rows)
    partials = frequencies_of_peaks(spectra, frequencies)
    partials = partials.reshape(n_sources, n_frames, n_rows).swapaxes(1, 2)
    loud = powers.sum(1)
    begins = np.zeros(loud.shape, bool)
    begins[:, 1:] = loud[:, 1:] > ONSET * loud[:, :-1]
    return 2 * np.pi * frame * partials, begins


def frequencies_of_peaks(spectra: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """The frequency of the peak that is nearest to each bin.

    Parameters
    ----------
    spectra : array (N, F)
        Magnitudes.
    frequencies : array (F,)
        Of the bins, equally far apart, Hz.

    Returns
    -------
    array (N, F)
        Hz: vertices of parabolas through the logarithms about each peak, and the bin's
        own where there is none.
    """
    levels = np.log(spectra + 1e-30)
    before, at, after = levels[:, :-2], levels[:, 1:-1], levels[:, 2:]
    curvature = before - 2 * at + after
    offset = np.where(curvature < 0, (before - after) / (2 * curvature - 1e-30), 0)
    width = frequencies[1] - frequencies[0]
    found = np.tile(frequencies, (len(spectra), 1))
    for n in range(len(spectra)):
        peaks = np.flatnonzero((at[n] > before[n]) & (at[n] >= after[n]))
        if len(peaks):
            places = peaks + 1
            middles = (places[1:] + places[:-1]) / 2
            nearest = np.searchsorted(middles, np.arange(len(frequencies)))
            partials = frequencies[places] + width * offset[n, peaks].clip(-0.5, 0.5)
            found[n] = partials[nearest]
    return found
