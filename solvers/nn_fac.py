"""Nonnegative matrix factorization by nn_fac."""

import warnings

import numpy as np

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.models import NMF


class Solver(LowRankSolver):
    """V ≈ W H by nn_fac's multiplicative updates.

    The problem that the solver `nmf` solves, through the package of the field's
    first benchmark. Marmoret and Cohen 2020.
    """

    name = "nn_fac"
    kind = "peer"
    # it pins a TensorLy of 2021, but runs with a present one
    install_cmd = "shell"
    install_script = "nn_fac.sh"
    requirements = ["pip::nn_fac"]
    parameters = {
        "dictionary, beta": [("fixed", 1)],  # also adapted and blind
        "rank": [40],
        "n_iter": [100],
    }

    def prepare(self):
        from nn_fac.nmf import nmf

        self.nmf = nmf

    def factorize(self, V, given):
        start = {"rank": self.rank, "init": "random"}
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            R = W.shape[1]
            activations = np.full((R, V.shape[1]), np.sqrt(V.mean() / R), V.dtype)
            start = {"rank": R, "init": "custom", "U_0": W, "V_0": activations}
        with warnings.catch_warnings(action="ignore"):  # of ranks over F
            W, H = self.nmf(
                V,
                **start,
                update_rule="mu",
                beta=self.beta,
                fixed_modes=[self.dictionary == "fixed", False],
                n_iter_max=self.n_iter,
                tol=0,
                deterministic=True,
                seed=given.seed,
            )
        return NMF(W, H, labels=given.dictionary and given.dictionary.labels)
