"""The algorithms of nn_fac."""

import warnings

from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """NMF, NCP and NTD by nn_fac, the package of the field's first benchmark.

    ``mu``, multiplicative updates for any β; ``hals``, coordinate descent for β = 2,
    with projected gradients for an NTD's core. Marmoret and Cohen 2020.
    """

    name = "nn_fac-updates"
    models = ("nmf", "ncp", "ntd")
    # it pins a TensorLy of 2021, but runs with a present one
    install_cmd = "shell"
    install_script = "nn_fac.sh"
    requirements = ["pip::nn_fac"]
    parameters = {"update": ["mu", "hals"]}

    @property
    def betas(self):
        return (2,) if self.update == "hals" else None

    def prepare(self):
        from nn_fac.nmf import nmf
        from nn_fac.ntd import ntd
        from nn_fac.ntf import ntf

        self.fit = {"nmf": nmf, "ncp": ntf, "ntd": ntd}[self.task.model]

    def minimise(self, start, n_iter):
        n_factors = len(start)  # an NTD's core is one
        given = {
            "nmf": lambda: {"U_0": start[0], "V_0": start[1]},
            "ncp": lambda: {"factors_0": start},
            "ntd": lambda: {"factors_0": start[:-1], "core_0": start[-1]},
        }
        ranks = self.task.ranks
        with warnings.catch_warnings(action="ignore"):  # of ranks over F
            fitted = self.fit(
                self.task.V,
                list(ranks) if isinstance(ranks, tuple) else ranks,
                init="custom",
                **given[self.task.model](),
                update_rule=self.update,
                beta=self.task.beta,
                sparsity_coefficients=[None] * n_factors,
                fixed_modes=[False] * n_factors,
                normalize=[False] * n_factors,
                n_iter_max=n_iter,
                tol=0,
            )
        if self.task.model == "ntd":
            core, factors = fitted
            return [*factors, core]
        return list(fitted)
