"""Deep nonnegative matrix factorization."""

from musaic_core.benchmark.solver import LowRankSolver
from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.deep.start import layer_ranks
from musaic_core.lowrank.models import NMF


class Solver(LowRankSolver):
    """V ≈ W H with W ≈ W₂ A₂: templates that are made of fewer, coarser ones.

    To choose where templates share what they are made of, such as the notes of an
    instrument or the chords of a piece, and the hierarchy is wanted for itself.

    ``blind`` minimises D(V | W H) + ρ D(W | W₂ A₂), with `rank` templates W made of
    `coarse` W₂, and ``adapted`` the same from the dictionary W: notes are adapted to
    the recording, but held together by `coarse` spectra. With ``fixed`` the
    dictionary D is the lowest layer, V ≈ D A₂ H: `rank` groups of notes, such as
    chords, and each note sounds as its groups do. ``loss="data"`` minimises
    D(V | W₂ A₂ H) for the others too. With a `depth` of 3 or 4 there are further
    layers between the finest and the coarsest, and with 1 it is an NMF.

    Leplat, Hien, Onwunta and Gillis 2024; extrapolated as in Hien, Leplat and Gillis
    2025.
    """

    name = "deep_nmf"
    parameters = {
        # also adapted, with coarse=60
        "dictionary, rank, coarse": [("fixed", 88, None), ("blind", 40, 30)],
        "beta": [1],
        "depth": [2],  # 1 to 4
        "loss": ["layers"],
        "n_iter": [50],
    }

    def factorize(self, V, given):
        first, last, loss = self.rank, self.coarse, self.loss
        start, fixed, weights = "random", (), None
        W = given.dictionary and given.dictionary.templates
        if self.dictionary == "fixed":
            last, loss = W.shape[1], "data"
            first = first if self.depth > 1 else last
            lowest = f"templates {self.depth}" if self.depth > 1 else "templates"
            V, W, weights = given.told_apart(V, W)
            start, fixed = {lowest: W}, (lowest,)
        elif self.dictionary == "adapted":
            first, start = W.shape[1], {"templates": W}
        model = deep_nmf(
            V,
            layer_ranks(first, last, self.depth),
            beta=self.beta,
            loss=loss,
            init=start,
            start_iter=self.n_iter,
            fixed=fixed,
            update="mu-extrapolated",
            data_weights=weights,
            max_iter=self.n_iter,
            seed=given.seed,
        )
        if self.dictionary == "fixed":
            model = model.layers[-1]  # whose templates are the dictionary's
        if weights is not None:
            model = NMF(given.dictionary.templates, model.activations)
        model.labels = given.dictionary and given.dictionary.labels
        return model
