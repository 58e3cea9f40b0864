"""Deep nonnegative Tucker decomposition."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.deep.tensor import deep_ntd

# factors that have layers below
MODES = {"core": ("core",), "spectra": (0,), "rhythms": (1,), "bars": (2,)}
MODES["all"] = (0, 1, 2, "core")


class Solver(LowRankSolver):
    """V ≈ core ×₁ W ×₂ H ×₃ Q with a core whose patterns are made of fewer patterns.

    The core's slices, one a kind of bar, are themselves approximated by mixtures of
    `patterns` of them: D(V | core ×₁ W ×₂ H ×₃ Q) + ρ D(core₍₃₎ᵀ | G₂ A₂), ρ being
    `weight`. To choose over an NTD for the hierarchy: bars made of kinds of bars, and
    those of patterns that they share. The templates W are held (`fixed`), start from
    the dictionary (`adapted`), or are found in each recording alone (`blind`). W has
    `spectra` columns, H `rhythms` and Q `bars`. Instead of the core, or beside it, the
    spectra, rhythms or bars (`modes`) may be mixtures of `patterns` of their kind. With
    a `depth` of 3 or 4 there are further layers between, and with 1 it is an NTD.

    Derived in docs/deep_tensor_factorizations.md, after the deep NMF of Leplat, Hien,
    Onwunta and Gillis 2024.
    """

    name = "deep_ntd"
    # a Tucker model of channels has too few components in time
    axes = ((None, None, "bar"),)
    parameters = {
        "dictionary, rhythms, bars": [("blind", 32, 16)],  # also fixed and adapted
        "spectra": [40],
        "patterns, weight": [(6, 0.1)],
        "depth": [2],  # 1 to 4
        "modes": ["core"],  # also spectra, rhythms, bars and all
        "beta": [1],
        "n_iter": [25],
    }

    def factorize(self, V, given):
        ranks = self.spectra, self.rhythms, self.bars
        ranks = [min(r, size) for r, size in zip(ranks, V.shape, strict=True)]
        start = "nndsvd"
        W = given.dictionary and given.dictionary.templates
        if W is not None:
            ranks[0], start = W.shape[1], {0: W}
        layers = {}
        for top in MODES[self.modes] if self.depth > 1 else ():
            rank = ranks[2] if top == "core" else ranks[top]
            last = min(self.patterns, rank)
            layers[top] = layer_ranks(rank, last, self.depth)[1:]
        model = deep_ntd(
            V,
            ranks,
            layers,
            beta=self.beta,
            weights={top: [self.weight] * len(layers[top]) for top in layers},
            init=start,
            start_iter=self.n_iter,
            fixed=(0,) if self.dictionary == "fixed" else (),
            update="mu-extrapolated",
            max_iter=self.n_iter,
            seed=given.seed,
        )
        model.labels = given.dictionary and given.dictionary.labels
        return model
