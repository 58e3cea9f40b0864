"""Update rules of `musaic_core`, on each backend."""

from musaic_core.benchmark.algorithm import Algorithm
from musaic_core.tasks.factorization.task import METHODS, arrays


class Solver(Algorithm):
    """NMF, NCP and NTD by `musaic_core`'s updates.

    ``mu``, multiplicative: each factor times (minus part / plus part of the gradient)
    to the power that never raises the divergence, for any β (Févotte and Idier 2011).
    ``mu-extrapolated``, the same from an extrapolated point (Hien, Leplat and Gillis
    2025). ``hals-mu``, that after coordinate descent on weighted least squares: the
    one to start from. ``hals``, coordinate descent alone: the fastest for β = 2
    (Gillis and Glineur 2012).
    """

    name = "musaic"
    kind = "low-rank"
    models = ("nmf", "ncp", "ntd")
    parameters = {
        "update, backend": [
            ("mu", "c"),
            ("mu", "numpy"),
            ("mu", "torch"),
            ("mu-extrapolated", "c"),
            ("hals-mu", "c"),
            ("hals", "c"),
        ]
    }

    @property
    def betas(self):
        return (2,) if self.update == "hals" else None

    def minimise(self, start, n_iter):
        task = self.task
        fit = METHODS[task.model]
        return arrays(
            fit(
                task.V,
                task.ranks,
                beta=task.beta,
                init=start,
                update=self.update,
                backend=self.backend,
                max_iter=n_iter,
            )
        )
