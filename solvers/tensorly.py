"""TensorLy's nonnegative tensor decompositions."""

import warnings

import numpy as np

from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """NCP and NTD by TensorLy, for β = 2.

    ``mu``, multiplicative updates (Shashua and Hazan 2005; Kim and Choi 2007);
    ``hals``, coordinate descent, with accelerated projected gradients for an NTD's
    core (Gillis and Glineur 2012). Kossaifi et al. 2019.
    """

    name = "tensorly"
    models = ("ncp", "ntd")
    betas = (2,)
    requirements = ["pip::tensorly"]
    parameters = {"update": ["mu", "hals"]}
    test_config = {
        "dataset": {"model": "ncp"},
        "objective": {"model": "ncp", "beta": 2},
    }

    def prepare(self):
        import tensorly.decomposition as peer
        from tensorly.cp_tensor import CPTensor
        from tensorly.tucker_tensor import TuckerTensor

        ending = {"mu": "", "hals": "_hals"}[self.update]
        if self.task.model == "ncp":
            self.fit = getattr(peer, f"non_negative_parafac{ending}")
            self.pack = lambda start: CPTensor((np.ones_like(start[0][0]), start))
            self.unpack = lambda cp: [cp.factors[0] * cp.weights, *cp.factors[1:]]
        else:
            self.fit = getattr(peer, f"non_negative_tucker{ending}")
            self.pack = lambda start: TuckerTensor((start[-1], start[:-1]))
            self.unpack = lambda tucker: [*tucker.factors, tucker.core]

    def minimise(self, start, n_iter):
        with warnings.catch_warnings(action="ignore"):
            fitted = self.fit(
                self.task.V,
                self.task.ranks,
                n_iter_max=n_iter,
                init=self.pack(start),
                tol=0,
            )
        return self.unpack(fitted)
