"""What stems sound like, from regions of the spectrogram that are said to be theirs."""

from collections.abc import Sequence

import numpy as np

from musaic_core.lowrank.annotated import with_annotations
from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.dictionary import Dictionary


def painted_stems(
    V: np.ndarray, dictionary: Dictionary, labels: Sequence, allowed: np.ndarray
) -> dict[str, np.ndarray]:
    """Filter stems out of the frames in which regions are said to be theirs.

    The dictionary explains these frames, where each stem has the part in them that it
    is allowed, and all of its regions; each then has its share of what is there (Wiener
    filtering).

    Parameters
    ----------
    V : ndarray, shape (F, T)
        The recording, such as the dictionary is of.
    dictionary : Dictionary
    labels : sequence of str
        Of the stems.
    allowed : ndarray of bool, shape (stems, F, T)
        Where each may have a part.

    Returns
    -------
    dict of str to ndarray, shape (F, frames)
        What is of each stem, in the frames of its regions; those that have none are
        left out, and all where these frames are silent.
    """
    told = ~allowed.all((0, 1))
    V, allowed = V[:, told], allowed[..., told]
    if not V.any():
        return {}
    W = dictionary.templates
    groups = (dictionary.labels[:, None] == np.asarray(labels)).argmax(1)
    V_told, W_told, weights = with_annotations(V, W, groups, allowed)
    H = np.full((W.shape[1], V.shape[1]), V.mean(), V.dtype)
    start, held = (W_told, H), ("templates",)
    H = nmf(V_told, len(H), init=start, fixed=held, data_weights=weights).activations
    parts = allowed * np.stack(
        [W[:, groups == g] @ H[groups == g] for g in range(len(labels))]
    )
    parts *= V / (parts.sum(0) + 1e-12)
    own = (allowed & (allowed.sum(0) == 1)).any(1)
    return {
        label: part[:, there]
        for label, part, there in zip(labels, parts, own, strict=True)
        if there.any()
    }
