"""Nonnegative matrix factorization by nimfa."""

import numpy as np

from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """V ≈ W H by multiplicative updates, for β = 1 and β = 2.

    Its release 1.4 does not run with NumPy 2. Žitnik and Zupan 2012; Lee and Seung
    1999.
    """

    name = "nimfa"
    betas = (1, 2)
    requirements = ["pip::nimfa"]

    def prepare(self):
        from nimfa import Nmf

        self.nmf = Nmf
        self.V = np.asmatrix(self.task.V, dtype=np.float64)

    def minimise(self, start, n_iter):
        W, H = (np.asmatrix(factor, dtype=np.float64) for factor in start)
        loss = {1: ("divergence", "div"), 2: ("euclidean", "fro")}[self.task.beta]
        update, objective = loss
        fitted = self.nmf(
            self.V,
            W=W,
            H=H,
            rank=W.shape[1],
            update=update,
            objective=objective,
            max_iter=n_iter,
            min_residuals=0,
        )()
        return [np.asarray(fitted.basis()), np.asarray(fitted.coef())]
