"""Nonnegative CP decomposition."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.ncp import ncp


class Solver(LowRankSolver):
    """V ≈ Σ_r a_r ∘ b_r ∘ c_r, minimising the β-divergence, for V of three modes.

    Each template a_r has one course over the second mode and one over the third: for
    sources that stay where they are between the channels, and for patterns of which
    each bar has more or less. It has the fewest parameters of all. The templates are
    held (`fixed`), start from the dictionary (`adapted`), or are found in each
    recording alone, `rank` of them (`blind`).

    Shashua and Hazan 2005; FitzGerald, Cranitch and Coyle 2008; Févotte and Ozerov
    2010 (channels).
    """

    name = "ncp"
    axes = ((None, None, None),)
    parameters = {
        "dictionary": ["fixed", "blind"],
        "beta": [1],
        "rank": [40],
        "n_iter": [30],
    }

    def factorize(self, V, given):
        rank, start = self.rank, "random"
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            rank, start = W.shape[1], (W, None, None)
        labels = given.dictionary and given.dictionary.labels
        mask = given.mask(labels)
        model = ncp(
            V,
            rank,
            beta=self.beta,
            init=start,
            mask=mask and {1: mask["activations"].T},
            update="mu-extrapolated",
            fixed=(0,) if self.dictionary == "fixed" else (),
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = labels
        return model
