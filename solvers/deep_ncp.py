"""Deep nonnegative CP decomposition."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.tensor import deep_ncp


class Solver(LowRankSolver):
    """V ≈ Σ_r a_r ∘ b_r ∘ c_r with spectra A ≈ A₂ M that share what they are made of.

    To choose over an NCP where several terms are the same sound in other rhythms or
    places, for which an NCP spends a spectrum each.

    ``blind`` finds `rank` terms whose spectra are mixtures of `coarse` ones, V ≈
    Σ_r (A₂ M)_r ∘ b_r ∘ c_r, and ``fixed`` the same with the dictionary A₂: each term
    is a group of notes. With ``adapted`` the dictionary is A, which moves and is held
    together by A₂: D(V | A, B, C) + ρ D(A | A₂ M).

    Derived in docs/deep_tensor_factorizations.md; for least squares and without
    nonnegativity, terms that share vectors are those of Bro, Harshman, Sidiropoulos
    and Lundy 2009.
    """

    name = "deep_ncp"
    axes = ((None, None, None),)
    parameters = {
        "dictionary": ["blind"],  # also fixed and adapted
        "beta": [1],
        "rank, coarse": [(60, 24)],
        "n_iter": [30],
    }

    def factorize(self, V, given):
        rank, coarse, start, fixed = self.rank, self.coarse, "random", ()
        W = given.dictionary and given.dictionary.templates
        if self.dictionary == "fixed":
            coarse = W.shape[1]
            start, fixed = {"0 templates 2": W}, ("0 templates 2",)
        elif self.dictionary == "adapted":
            rank, start = W.shape[1], {0: W}
        model = deep_ncp(
            V,
            rank,
            {0: (coarse,)},
            beta=self.beta,
            loss="layers" if self.dictionary == "adapted" else "data",
            init=start,
            start_iter=self.n_iter,
            fixed=fixed,
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        if self.dictionary == "fixed":
            model = model.layers[-1]  # whose templates are the dictionary's
        model.labels = given.dictionary and given.dictionary.labels
        return model
