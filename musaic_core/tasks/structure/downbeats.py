"""Downbeats that are heard in a recording: by a network of our own, or by madmom's."""

import numpy as np

from musaic_core.tasks.madmom import called_madmom, heard_by_madmom
from musaic_core.tasks.structure.bar_pointer import decode_bars
from musaic_core.tasks.structure.hearing import FRAME, hear_beats


def hear_downbeats(y: np.ndarray, sr: int) -> np.ndarray:
    """Find downbeats by a small network, trained on the songs of the embedded corpus.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray
        Times, s; empty where no beats are heard.
    """
    if not y.any():
        return np.zeros(0)
    return decode_bars(hear_beats(y, sr), FRAME)


def madmom_downbeats(y: np.ndarray, sr: int) -> np.ndarray:
    """Find downbeats by madmom's recurrent networks, in bars of three or four beats.

    They were trained on hundreds of recordings. The licence of their weights, which
    come with the package, is CC BY-NC-SA 4.0: not for commercial use.

    Parameters
    ----------
    y : ndarray, shape (channels, samples)
    sr : int
        Sampling rate, Hz.

    Returns
    -------
    ndarray
        Times, s; empty where no beats are heard.

    Raises
    ------
    ImportError
        The package is not installed.

    References
    ----------
    Böck, Krebs and Widmer, "Joint beat and downbeat tracking with recurrent neural
    networks", ISMIR 2016. Böck et al., "madmom: a new Python audio and music signal
    processing library", ACM Multimedia 2016.
    """
    with called_madmom():
        from madmom.features import downbeats

    heard = downbeats.RNNDownBeatProcessor()(heard_by_madmom(y, sr))
    track = downbeats.DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)
    beats = np.reshape(track(heard), (-1, 2))  # times and positions
    return beats[beats[:, 1] == 1, 0]
