"""Counts whose mean is a low-rank model with a hierarchy of spectra."""

import benchopt
import numpy as np
from tensorly.cp_tensor import CPTensor
from tensorly.tucker_tensor import TuckerTensor

from musaic_core.benchmark.choice import runs_all
from musaic_core.lowrank import NMF, DeepNCP, DeepNMF, DeepNTD
from musaic_core.tasks.factorization.task import Data

RANKS = {1: (8,), 2: (8, 3), 3: (8, 5, 3)}  # of the levels, the finest first
SHAPES = {"nmf": (40, 60), "ncp": (24, 16, 12), "ntd": (24, 16, 12)}
CORE = 5, 4  # ranks of an NTD's other modes


class Dataset(benchopt.BaseDataset):
    """Poisson counts of a matrix or tensor of 8 spectra that are mixtures of fewer.

    ``truth`` is an NMF (40 × 60), an NCP or an NTD (24 × 16 × 12). With a ``depth`` of
    1, the control, the spectra are independent and there is no hierarchy; with 2 they
    are mixtures of 3; with 3, of 5 that are mixtures of 3. ``counts`` is the mean count
    an entry: 0.2 is scarce, 10 is ample. A tenth of the entries is held out. There are
    ``draws`` such arrays, each of other factors, counts and entries held out.

    Entries of factors are Γ(0.3), mixtures Dirichlet(0.3). A run of all datasets leaves
    these out, as they are for models that predict.
    """

    name = "hierarchical"
    parameters = {
        "truth": [] if runs_all("dataset") else ["nmf", "ncp", "ntd"],
        "depth": [2],
        "counts": [1],
        "draws": [30],
    }
    test_config = {"truth": "nmf", "draws": 2}
    requirements = []

    def get_data(self):
        seed = self.get_seed(use_repetition=True)
        ranks = {"nmf": 8, "ncp": 8, "ntd": (8, *CORE)}[self.truth]
        draws = [self.draw(n, [seed, n]) for n in range(self.draws)]
        return {"draws": draws, "ranks": {self.truth: ranks}}

    def draw(self, n, seed):
        rng = np.random.default_rng(seed)
        size, *sizes = SHAPES[self.truth]
        ranks = RANKS[self.depth]
        layers, spectra = [], rng.gamma(0.3, 1, (size, ranks[-1]))
        for rank in ranks[-2::-1]:
            mixtures = rng.dirichlet(np.full(spectra.shape[1], 0.3), rank).T
            layers.insert(0, NMF(spectra, mixtures))
            spectra = spectra @ mixtures
        columns = CORE if self.truth == "ntd" else [ranks[0]] * len(sizes)
        others = [rng.gamma(0.3, 1, pair) for pair in zip(sizes, columns, strict=True)]
        core = rng.gamma(0.3, 1, (ranks[0], *CORE))
        truth = assemble(self.truth, [spectra, *others], core, layers)
        others[0] *= self.counts / np.mean(truth.reconstruct())
        truth = assemble(self.truth, [spectra, *others], core, layers)
        V = rng.poisson(truth.reconstruct()).astype(np.float32)
        held_out = rng.permutation(V.size).reshape(V.shape) < V.size // 10
        return Data(f"draw {n}", V, truth, held_out)


def assemble(kind, factors, core, layers):
    """A deep model of its factors."""
    if kind == "nmf":
        W, H = factors
        return DeepNMF(W, H.T, below=layers, tied=True)
    below = {0: layers} if layers else {}
    if kind == "ncp":
        cp = CPTensor((np.ones(len(core)), factors))
        return DeepNCP(cp, below=below, tied=True)
    return DeepNTD(TuckerTensor((core, factors)), below=below, tied=True)
