"""What online models learn of a stream of recordings in bars."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from musaic_core.data.recording import Track
from musaic_core.lowrank.online import OnlineNCP, OnlineNTD
from musaic_core.tasks.bars import resampling
from musaic_core.tasks.given import Given

FRAMES = 96  # of a bar, in which rhythms are learned


def learn_bars(
    model: OnlineNCP | OnlineNTD, train: Iterable[Track], given: Given, n_epochs: int
) -> dict[str, np.ndarray]:
    """Let an online tensor model learn what recordings in bars have in common.

    Parameters
    ----------
    model : OnlineNCP or OnlineNTD
        It is fitted in place, from its start.
    train : iterable of Track
        Those that can't be read are left out.
    given : Given
        Of a solver whose V is frequency × time in bar × bar.
    n_epochs : int
        Passes over all of them.

    Returns
    -------
    dict of str to ndarray
        The shared factors by name: spectra "0", rhythms "1", in `FRAMES` frames a bar,
        and of an NTD the "core".
    """

    def bars():
        for _, V in given.read(train):
            yield resampling(FRAMES, V.shape[1]) @ V

    model.fit(bars, n_epochs)
    return {str(name): np.asarray(U) for name, U in model.factors.items()}
