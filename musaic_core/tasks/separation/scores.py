"""How good estimated stems are: BSS Eval 4 and SI-SDR.

BSS Eval as museval defines it, fast enough to score whole songs: the references'
correlations are factorized once for all estimates, and energies are summed over
spectra. SDR is museval's to the last digits. ISR, SIR and SAR are where the references
have energy at all frequencies; where they do not, as after lossy coding, the filters
are not determined, museval's SIR of an ideal mask falls to -30 dB, and ours are the
smallest filters instead.
"""

import numpy as np
import scipy.fft

from musaic_core.tasks.separation.wiener import ideal_stems

TAPS = 512  # of a distortion filter
RIDGE = 1e-6  # of the references' mean power; from 1e-6 to 1e-3 scores stay the same
WINDOWS_AT_ONCE = 8
BLOCKS_AT_ONCE = 64


def bss_eval(
    references: np.ndarray,
    estimates: np.ndarray,
    window: int,
    gram: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """BSS Eval 4 in successive windows, with filters fitted to the whole recording.

    Parameters
    ----------
    references, estimates : ndarray, shape (stems, channels, samples)
        In the same order.
    window : int
        Samples; a second is usual.
    gram : ndarray, optional
        What `correlations_of` gives for these references, if it is known.

    Returns
    -------
    dict of str to ndarray, shape (stems, windows)
        Ratio of the stem to all distortion (``sdr``), spatial distortion (``isr``),
        interference (``sir``) and artefacts (``sar``), dB. NaN for all stems where a
        reference or an estimate is silent.

    References
    ----------
    Vincent, Gribonval and Févotte, IEEE Transactions on Audio, Speech and Language
    Processing 14 (4), 2006. Stöter, Liutkus and Ito, "The 2018 signal separation
    evaluation campaign", LVA/ICA 2018 (version 4).
    """
    n_stems, n_channels, length = references.shape
    window = min(window, length)
    n_fft = scipy.fft.next_fast_len(window + TAPS - 1, real=True)
    precision = np.result_type(references, estimates, np.complex64)
    # (frequency, channels of estimates, channels of references)
    all_filters, own_filters = (
        np.moveaxis(scipy.fft.rfft(filters, n_fft), 2, 0).astype(precision, order="C")
        for filters in _distortion_filters(references, estimates, gram)
    )
    weights = np.full((n_fft // 2 + 1, 1, 1), 2.0)  # of a bin and its mirror
    weights[0] = 1
    if n_fft % 2 == 0:
        weights[-1] = 1

    def energy(spectra):
        """(stems, windows) of (frequency, stems × channels, windows)."""
        total = (weights * (spectra.real**2 + spectra.imag**2)).sum(0)
        return total.reshape(n_stems, n_channels, -1).sum(1)

    def spectra(signals, start, stop):
        cut = signals[..., start:stop].reshape(n_stems * n_channels, -1, window)
        return np.moveaxis(scipy.fft.rfft(cut, n_fft), 2, 0)

    sdr = _sdr(references, estimates, window)
    ratios = {name: np.empty_like(sdr) for name in ("isr", "sir", "sar")}
    for first in range(0, sdr.shape[1], WINDOWS_AT_ONCE):
        last = min(first + WINDOWS_AT_ONCE, sdr.shape[1])
        true = spectra(references, first * window, last * window)
        estimated = spectra(estimates, first * window, last * window)
        projected, filtered = all_filters @ true, own_filters @ true
        for name, signal, distortion in (
            ("isr", true, filtered - true),
            ("sir", filtered, projected - filtered),
            ("sar", projected, estimated - projected),
        ):
            ratio = _decibels(energy(signal), energy(distortion))
            ratios[name][:, first:last] = ratio
    return {
        "sdr": sdr,
        **{name: np.where(np.isnan(sdr), np.nan, dB) for name, dB in ratios.items()},
    }


def _sdr(references, estimates, window, silence_counts=False):
    """(stems, windows); NaN for all stems where one of them is silent.

    Where silence counts, an estimate's has 0 dB, and only a reference's is NaN.
    """
    n_windows = references.shape[-1] // window
    sounding, ratios = True, []
    for pair in zip(references, estimates, strict=True):  # one by one, for memory
        true, estimated = (
            y[:, : n_windows * window].astype(float).reshape(len(y), n_windows, window)
            for y in pair
        )
        # filters do not matter here: what they explain and what not is all distortion
        signal, distortion = (
            np.einsum("cwt,cwt->w", y, y) for y in (true, estimated - true)
        )
        ratios.append(_decibels(signal, distortion))
        for y in (true,) if silence_counts else (true, estimated):
            sounding &= y.sum(0).any(1)  # as museval does, by the sum of the channels
    return np.where(sounding, ratios, np.nan)


def _decibels(signal, distortion):
    with np.errstate(divide="ignore", invalid="ignore"):
        return 10 * np.log10(signal / distortion)


def correlations_of(references: np.ndarray) -> np.ndarray:
    """Correlations of the references' channels, which all estimates of them share.

    Parameters
    ----------
    references : ndarray, shape (stems, channels, samples)

    Returns
    -------
    ndarray, shape (lags, stems × channels, stems × channels)
    """
    true = references.reshape(-1, references.shape[-1])
    return _correlations(true, true)


def _distortion_filters(references, estimates, gram):
    """Least-squares filters that make an estimate of all references, and of its own.

    Both are (channels of estimates, channels of references, taps).
    """
    n_stems, n_channels, length = references.shape
    n = n_stems * n_channels
    true, estimated = references.reshape(n, length), estimates.reshape(n, length)
    gram = correlations_of(references) if gram is None else gram
    products = _correlations(true, estimated)[TAPS - 1 :]
    own, stem = np.zeros_like(products), np.arange(n_stems)
    blocks = [
        filters.reshape(len(filters), n_stems, n_channels, n_stems, n_channels)
        for filters in (own, gram, products)
    ]
    own_of_stems, *known = (block.transpose(1, 3, 0, 2, 4) for block in blocks)
    own_of_stems[stem, stem] = _solve(*(block[stem, stem] for block in known))
    return tuple(
        np.transpose(filters, (2, 1, 0)) for filters in (_solve(gram, products), own)
    )


def _solve(gram, products):
    """Filters (..., taps, n, columns) whose filtered references have these products.

    The normal equations are block Toeplitz: `gram` (..., lags, n, n) from 1 - TAPS on.
    By the recursion of Whittle 1963 and of Wiggins and Robinson 1965, from filters of
    one tap to those of all. Leading axes are problems of their own.
    """
    n, columns = products.shape[-2:]
    start = gram[..., TAPS - 1, :, :]
    power = np.trace(start, axis1=-2, axis2=-1)[..., None, None]
    start = start + RIDGE * power / n * np.eye(n)
    # blocks of falling lag side by side, to be multiplied with taps below each other
    lags = gram[..., : TAPS - 1 : -1, :, :].swapaxes(-3, -2)
    lags = lags.reshape(*lags.shape[:-2], -1)
    nothing = np.zeros_like(start)
    # predict a sample from those before, or after
    ahead = back = nothing + np.eye(n)
    error_ahead = error_back = start
    filters = np.linalg.solve(start, products[..., 0, :, :])
    for tap in range(1, TAPS):
        past = lags[..., (TAPS - 1 - tap) * n :]
        left = past @ ahead
        ahead, back = _below(ahead, nothing), _below(nothing, back)
        to_ahead = np.linalg.solve(error_back, left)
        to_back = np.linalg.solve(error_ahead, left.mT)
        ahead, back = ahead - back @ to_ahead, back - ahead @ to_back
        error_ahead, error_back = (
            error_ahead - left.mT @ to_ahead,
            error_back - left @ to_back,
        )
        missing = np.linalg.solve(error_back, products[..., tap, :, :] - past @ filters)
        filters = _below(filters, np.zeros_like(missing)) + back @ missing
    return filters.reshape(*filters.shape[:-2], TAPS, n, columns)


def _below(upper, lower):
    return np.concatenate([upper, lower], axis=-2)


def _correlations(x, y):
    """Sum over n of x[i, n] y[j, n + lag], (lag, i, j), lags from 1 - TAPS on."""
    n_fft = 4096
    step = n_fft - 2 * (TAPS - 1)
    n_blocks = -(-x.shape[1] // step)
    y = np.pad(y, ((0, 0), (TAPS - 1, n_blocks * step - x.shape[1] + TAPS - 1)))
    x = np.pad(x, ((0, 0), (0, n_blocks * step - x.shape[1])))
    total = 0
    for first in range(0, n_blocks, BLOCKS_AT_ONCE):
        some = slice(first, first + BLOCKS_AT_ONCE)
        X = x.reshape(len(x), n_blocks, step)[:, some].astype(float)
        Y = np.lib.stride_tricks.sliding_window_view(y, n_fft, axis=1)
        Y = Y[:, ::step][:, some].astype(float)
        X, Y = scipy.fft.rfft(X, n_fft), scipy.fft.rfft(Y)
        total = total + X.conj().transpose(2, 0, 1) @ Y.transpose(2, 1, 0)
    return scipy.fft.irfft(total, n_fft, axis=0)[: 2 * TAPS - 1]


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Scale-invariant ratio of a stem to its distortion, dB, channels together.

    Parameters
    ----------
    reference, estimate : ndarray, shape (channels, samples)

    Returns
    -------
    float

    References
    ----------
    Le Roux, Wisdom, Erdogan and Hershey, "SDR – half-baked or well done?", ICASSP
    2019.
    """
    reference, estimate = (x.ravel().astype(float) for x in (reference, estimate))
    target = (estimate @ reference) / (reference @ reference) * reference
    with np.errstate(divide="ignore"):
        ratio = (target @ target) / np.sum((target - estimate) ** 2)
        return float(10 * np.log10(ratio))


def separation_scores(
    references: dict[str, np.ndarray],
    estimates: dict[str, np.ndarray],
    sr: int,
    gram: np.ndarray | None = None,
) -> dict[str, float]:
    """Score the stems of a recording.

    Parameters
    ----------
    references, estimates : dict of str to ndarray, shape (channels, samples)
        By the names of the stems.
    sr : int
        Sampling rate, Hz.
    gram : ndarray, optional
        As `bss_eval` takes it.

    Returns
    -------
    dict of str to float
        ``sdr``, ``isr``, ``sir`` and ``sar`` of each stem (``sdr_drums``), the median
        over windows of a second, and their means over stems; and ``si_sdr``, dB.
    """
    true = np.stack(list(references.values()))
    estimated = np.stack([estimates[name] for name in references])
    scores = {}
    for metric, ratios in bss_eval(true, estimated, sr, gram).items():
        medians = np.nanmedian(ratios, axis=1)
        scores[metric] = float(medians.mean())
        for stem, median in zip(references, medians, strict=True):
            scores[f"{metric}_{stem}"] = float(median)
    scores["si_sdr"] = float(np.mean([*map(si_sdr, true, estimated)]))
    return scores


def mean_sdr(
    references: np.ndarray,
    estimates: np.ndarray,
    sr: int,
    silence_counts: bool = False,
) -> float:
    """The ``sdr`` of `separation_scores` alone.

    Parameters
    ----------
    references, estimates : ndarray, shape (stems, channels, samples)
        In the same order.
    sr : int
        Sampling rate, Hz.
    silence_counts : bool
        Whether a second in which an estimate is silent counts, for what it is, 0 dB.
        By default it is left out, as BSS Eval has it, and with it all stems.

    Returns
    -------
    float
        dB; NaN where there is no second in which all sound.
    """
    window = min(sr, references.shape[-1])
    sdr = _sdr(references, estimates, window, silence_counts)
    return float(np.nanmedian(sdr, axis=1).mean())


def floor_and_ceiling(
    y: np.ndarray, sr: int, references: dict[str, np.ndarray]
) -> dict[str, float]:
    """What knowing nothing of a mixture scores, and what the ideal ratio mask does.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
        The mixture.
    sr : int
        Sampling rate, Hz.
    references : dict of str to ndarray, shape (channels, samples)
        By the names of the stems.

    Returns
    -------
    dict of str to float
        ``sdr_mixture``, of equal parts of the mixture, and ``sdr_oracle``, dB.
    """
    true = np.stack([*references.values()])
    parts = np.stack([y / len(true)] * len(true))
    return {
        "sdr_mixture": mean_sdr(true, parts, sr),
        "sdr_oracle": mean_sdr(true, ideal_stems(y, sr, true), sr),
    }
