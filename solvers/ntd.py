"""Nonnegative Tucker decomposition."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.ntd import ntd


class Solver(LowRankSolver):
    """V ≈ core ×₁ W ×₂ H ×₃ Q, minimising the β-divergence, for V of three modes.

    In bars, the columns of W are spectra, those of H rhythms of one bar, and the core
    says which spectra sound in which rhythm in which kind of bar: the one to start from
    where music repeats, and what it saves in parameters it loses where music does not.
    W has `spectra` columns, H `rhythms` and Q `bars`, at most as many as V has entries
    there. With a dictionary W has its templates instead, held (`fixed`) or to start
    from (`adapted`).

    Kim and Choi 2007; Marmoret et al. 2020 and 2022.
    """

    name = "ntd"
    # a Tucker model of channels has too few components in time
    axes = ((None, None, "bar"),)
    parameters = {
        "dictionary, beta, rhythms, bars": [("fixed", 1, 48, 24), ("blind", 2, 32, 16)],
        "spectra": [40],
        "n_iter": [60],
    }

    def factorize(self, V, given):
        ranks = self.spectra, self.rhythms, self.bars
        ranks = [min(r, size) for r, size in zip(ranks, V.shape, strict=True)]
        start = "nndsvd"
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            ranks[0] = W.shape[1]
            start = (W, None, None, None)
        model = ntd(
            V,
            ranks,
            beta=self.beta,
            init=start,
            update="hals" if self.beta == 2 else "mu-extrapolated",
            fixed=(0,) if self.dictionary == "fixed" else (),
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = given.dictionary and given.dictionary.labels
        return model
