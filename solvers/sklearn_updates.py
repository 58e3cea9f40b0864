"""The two algorithms of scikit-learn's NMF."""

import warnings

import numpy as np

from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """V ≈ W H by scikit-learn.

    ``mu``, multiplicative updates for any β (Févotte and Idier 2011); ``cd``,
    coordinate descent for β = 2 (Cichocki and Phan 2009), which is the faster there.
    Pedregosa et al. 2011.
    """

    name = "sklearn-updates"
    requirements = ["pip::scikit-learn"]
    parameters = {"update": ["mu", "cd"]}

    @property
    def betas(self):
        return (2,) if self.update == "cd" else None

    def prepare(self):
        from sklearn.decomposition import non_negative_factorization

        self.nmf = non_negative_factorization

    def minimise(self, start, n_iter):
        W, H = start
        with warnings.catch_warnings(action="ignore"):  # of no convergence
            W, H, _ = self.nmf(
                self.task.V,
                W=np.ascontiguousarray(W),
                H=np.ascontiguousarray(H),
                n_components=W.shape[1],
                init="custom",
                solver=self.update,
                beta_loss=self.task.beta,
                tol=0,
                max_iter=n_iter,
            )
        return [W, H]
