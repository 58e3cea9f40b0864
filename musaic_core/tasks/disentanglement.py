"""Disentanglement, completeness and informativeness: a check of how parts are read.

Purity and completeness look at where a component sounds. Eastwood and Williams ask
instead what a regression makes of all components together: each concept is predicted
from their loudness, and the weights of the prediction say which are important for it.
What both say of a model should agree.

References
----------
Eastwood and Williams, "A framework for the quantitative evaluation of disentangled
representations", International Conference on Learning Representations (ICLR), 2018.
"""

import numpy as np
from sklearn.linear_model import Lasso
from sklearn.preprocessing import scale

STRENGTH = 0.01  # of the lasso's penalty, of standardised data


def disentanglement(loudness: np.ndarray, concepts: np.ndarray) -> dict[str, float]:
    """Measure how components and concepts depend on each other, by regression.

    Parameters
    ----------
    loudness : ndarray, shape (C, T)
        Of each component.
    concepts : ndarray, shape (K, T)
        Whether each is there.

    Returns
    -------
    dict of str to float
        ``disentanglement``, 1 where each component is important for one concept alone;
        ``completeness``, 1 where for each concept one component alone is; both 0 where
        all are equally important, and weighted by importance. ``informativeness`` is
        the share of the concepts' variance that is predicted: R² of the frames between
        those that the lasso is fitted to, in stretches of a twentieth, or of a frame.
        NaN where there is one component or concept alone, which all importance falls
        to.
    """
    loudness, concepts = np.asarray(loudness, float), np.asarray(concepts, float)
    n_frames = loudness.shape[1]
    fitted = np.arange(n_frames) * min(20, n_frames) // n_frames % 2 == 0
    vary = [k for k, c in enumerate(concepts) if 0 < c[fitted].mean() < 1]
    components = scale(loudness.T)
    weights, errors = np.zeros((len(loudness), len(vary))), np.zeros(2)
    for j, k in enumerate(vary):
        model = Lasso(STRENGTH, max_iter=5000)
        model.fit(components[fitted], scale(concepts[k, fitted]))
        weights[:, j] = np.abs(model.coef_)
        mean, spread = concepts[k, fitted].mean(), concepts[k, fitted].std()
        heard = (concepts[k, ~fitted] - mean) / spread
        errors += [np.square(heard - model.predict(components[~fitted])).sum(),
                   np.square(heard - heard.mean()).sum()]  # fmt: skip
    return {
        "disentanglement": _one_alone(weights),
        "completeness": _one_alone(weights.T),
        "informativeness": float(1 - errors[0] / errors[1]) if errors[1] else np.nan,
    }


def _one_alone(importance):
    """1 - entropy of each row's shares, in units of its largest; mean by weight."""
    total = importance.sum(1)
    if importance.shape[1] < 2 or not total.sum():
        return np.nan
    shares = importance / np.maximum(total, np.finfo(float).tiny)[:, None]
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropy = -(shares * logs).sum(1) / np.log(importance.shape[1])
    return float(total @ (1 - entropy) / total.sum())
