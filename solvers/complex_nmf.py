"""Stems whose magnitudes and phases sum to the mixture's complex spectrum."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.lowrank.structured.complex_nmf import complex_nmf
from musaic_core.lowrank.structured.phase_unwrapping import PhaseUnwrapping
from musaic_core.lowrank.structured.phased import indices_of, products_of
from musaic_core.tasks.separation.first_fit import activations_of_dictionary
from musaic_core.tasks.separation.images import stems_of_images
from musaic_core.tasks.separation.phases import advances_of, unrolled_phases

CONCENTRATION = 1.0  # of phases about those that are followed
UNWRAPPING = 0.03  # weight of the penalty on phases that do not go on as sinusoids do


class Solver(BaseSolver):
    """X ≈ Σ_n (W H)_n exp(iφ_n), in each channel by itself.

    The templates W are a dictionary, which is held. All phases φ are free, so what is
    found is near where they begin: at those of sinusoids that are followed, or at the
    mixture's, where they stay; it is then the NMF of magnitudes with β = 2. Those that
    are "unwrapped" begin there, and a penalty has them go on as sinusoids do, with
    magnitudes that are held. What the model leaves of the mixture is shared out as the
    stems are.

    Kameoka, Ono, Kashino and Sagayama 2009; Magron, Badeau and David 2016 (the penalty)
    and 2018 (phases that are followed).
    """

    name = "complex_nmf"
    answers = "stems"
    kind = "low-rank"
    in_default_run = False  # seven times nmf's time, and below it where it scores
    axes = (("frequency", "time"),)
    exponent = None
    uses_hints = supervised = True  # it uses the dictionary, which is adapted to hints
    parameters = {
        "dictionary": ["fixed"],
        "phases": ["followed", "mixture"],  # also unwrapped
        "n_iter": [20],
    }

    def misfit(self, task):
        if not task.train:
            return "there are no stems to learn from"

    def predict(self, recording, given):
        W, H, labels = activations_of_dictionary(given)
        W, H = (factor ** (1 / given.exponent) for factor in (W, H))  # of magnitudes
        powers, images = products_of(W, H, indices_of(labels)) ** 2, []
        told, penalty = (given.frequencies, given.frame), None
        if self.phases == "unwrapped":
            penalty = PhaseUnwrapping(UNWRAPPING, *advances_of(powers, *told))
        for X in given.spectrum[:, : len(given.V)]:
            if self.phases == "followed":
                phases = unrolled_phases(X, powers, *told, CONCENTRATION)
            else:
                phases = np.tile(np.angle(X), (len(powers), 1, 1))
            model = complex_nmf(
                X,
                labels,
                init=(W, H, phases),
                # free activations would grow, as phases may cancel what they add
                fixed=("templates", "activations") if penalty else ("templates",),
                phase_penalty=penalty,
                max_iter=self.n_iter,
            )
            parts = model.images()
            shares = np.abs(parts) + 1e-12
            images.append(parts + shares / shares.sum(0) * (X - parts.sum(0)))
        self.n_parameters = model.n_parameters * len(images)
        images = np.stack(images, 1)
        stems = stems_of_images(*recording.audio(), given.spectrum, images)
        return dict(zip(np.unique(labels), stems, strict=True))
