"""Features of a recording that its bars are compared by."""

import librosa
import numpy as np

from musaic_core.data.audio import mixed_down
from musaic_core.tasks.blocks import spectra_in_blocks

SAMPLE_RATE = 22050  # Hz
WINDOW = 2048  # samples under one spectrum, 93 ms
HOP = 512  # samples between two spectra, 23 ms
FRAME = HOP / SAMPLE_RATE  # s


def mono(y: np.ndarray, sr: int) -> np.ndarray:
    """Mix down, resample and scale: gain does not count.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray, shape (samples,)
        At `SAMPLE_RATE`, of root mean square 1.
    """
    y = librosa.resample(mixed_down(y), orig_sr=sr, target_sr=SAMPLE_RATE)
    return y / (np.sqrt(np.mean(y**2)) or 1)


def _stft(y):
    return spectra_in_blocks(y, WINDOW, HOP)


def _mel(y, n_mels=80, fmin=30):
    def mel(spectra):
        power = np.abs(spectra) ** 2
        return librosa.feature.melspectrogram(
            S=power, sr=SAMPLE_RATE, n_mels=n_mels, fmin=fmin
        )

    return spectra_in_blocks(y, WINDOW, HOP, mel)


def _log_mel(y):
    return librosa.power_to_db(_mel(y))


def _cqt(y):
    return np.abs(librosa.cqt(y, sr=SAMPLE_RATE, hop_length=HOP))


# Of audio of root mean square 1, (F, T), as Marmoret et al. 2020 and 2023 compare them.
FEATURES = {
    "nn_log_mel": lambda y: np.log1p(1e4 * _mel(y)),  # 0 some 50 dB below the median
    "log_mel": _log_mel,
    "stft": _stft,
    "cqt": _cqt,
    "chroma": lambda y: librosa.feature.chroma_cqt(C=_cqt(y), sr=SAMPLE_RATE),
    "mfcc": lambda y: librosa.feature.mfcc(S=_log_mel(y), n_mfcc=32),
}
MAGNITUDES = {"stft", "cqt"}  # whose squares are powers
NEGATIVE = {"log_mel", "mfcc"}  # have negative entries: not for factorizations
