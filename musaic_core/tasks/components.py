"""The components of any model, as what each adds to the data."""

from typing import Any

import numpy as np


def as_arrays(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Templates and activations as NumPy's, from wherever they are.

    Their products are what components add to the data. Where a component changes its
    spectrum as it sounds, as a patch does, its template is the mean spectrum and its
    activations are how loud it is, and not when it sets in: what it adds to a frame is
    right in sum, and nearly so in each frequency.

    Parameters
    ----------
    model : Model

    Returns
    -------
    templates : ndarray, shape (F, C)
    activations : ndarray, shape (C, …)
    """
    W, loudness = (
        f.detach().cpu().numpy() if hasattr(f, "detach") else np.asarray(f)
        for f in (model.templates, model.loudness())
    )
    return W, loudness / (W.sum(0)[:, None] + np.finfo(loudness.dtype).tiny)
