"""Deep nonnegative CP decomposition."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.deep.tensor import deep_ncp

# modes that have layers below their factors
MODES = {"spectra": (0,), "rhythms": (1,), "bars": (2,), "all": (0, 1, 2)}


class Solver(LowRankSolver):
    """V ≈ Σ_r a_r ∘ b_r ∘ c_r with spectra A ≈ A₂ M that share what they are made of.

    To choose over an NCP where several terms are the same sound in other rhythms or
    places, for which an NCP spends a spectrum each.

    ``blind`` finds `rank` terms whose spectra are mixtures of `coarse` ones, V ≈
    Σ_r (A₂ M)_r ∘ b_r ∘ c_r, and ``fixed`` the same with the dictionary A₂: each term
    is a group of notes. With ``adapted`` the dictionary is A, which moves and is held
    together by A₂: D(V | A, B, C) + ρ D(A | A₂ M). With a `depth` of 3 or 4 there are
    further layers between, and with 1 it is an NCP. Instead of the spectra, or beside
    them, the rhythms of a bar or the courses over the bars (`modes`) may be mixtures.

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
        "depth": [2],  # 1 to 4
        "modes": ["spectra"],  # also rhythms, bars and all
        "n_iter": [30],
    }

    def factorize(self, V, given):
        rank, start, fixed = self.rank, "random", ()
        modes = MODES[self.modes] if self.depth > 1 else ()
        coarse = {mode: min(self.coarse, V.shape[mode]) for mode in modes}
        W = given.dictionary and given.dictionary.templates
        below = self.dictionary == "fixed" and 0 in modes  # it is the lowest layer
        if below:
            lowest, coarse[0] = f"0 templates {self.depth}", W.shape[1]
            start, fixed = {lowest: W}, (lowest,)
        elif W is not None:
            rank, start = W.shape[1], {0: W}
            fixed = (0,) if self.dictionary == "fixed" else ()
        model = deep_ncp(
            V,
            rank,
            {m: layer_ranks(rank, coarse[m], self.depth)[1:] for m in modes},
            beta=self.beta,
            loss="layers" if self.dictionary == "adapted" else "data",
            init=start,
            start_iter=self.n_iter,
            fixed=fixed,
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        if below:
            model = model.layers[-1]  # whose templates are the dictionary's
        model.labels = given.dictionary and given.dictionary.labels
        return model
