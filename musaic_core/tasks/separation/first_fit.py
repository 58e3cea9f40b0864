"""The NMF from which models of complex spectra begin."""

import numpy as np

from musaic_core.data.errors import InputError
from musaic_core.lowrank.nmf import nmf
from musaic_core.tasks.given import Given

N_ITER = 30


def activations_of_dictionary(
    given: Given, beta: float = 1
) -> tuple[np.ndarray, np.ndarray, list]:
    """Find when the entries of the dictionary sound, by an NMF of V that holds them.

    Parameters
    ----------
    given : Given
        Of a recording, with a dictionary; hints of it are kept to.
    beta : float, default=1

    Returns
    -------
    W : ndarray, shape (F, C)
        The dictionary's templates.
    H : ndarray, shape (C, T)
    labels : list of length C
        Which stem each template is of.

    Raises
    ------
    InputError
        There is no dictionary.
    """
    if given.dictionary is None:
        raise InputError("nothing could be read that a dictionary is learned from")
    W, labels = given.dictionary.templates, given.dictionary.labels
    model = nmf(
        given.V,
        W.shape[1],
        beta=beta,
        init=(W, np.full((W.shape[1], given.V.shape[1]), given.V.mean())),
        fixed=("templates",),
        mask=given.mask(labels),
        max_iter=N_ITER,
    )
    return W, model.activations, labels
