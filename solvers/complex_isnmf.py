"""Stems whose phases are those of sinusoids, as far as these can be followed."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.lowrank.structured.complex_isnmf import complex_isnmf
from musaic_core.lowrank.structured.phased import indices_of, products_of
from musaic_core.tasks.separation.first_fit import activations_of_dictionary
from musaic_core.tasks.separation.images import stems_of_images
from musaic_core.tasks.separation.phases import unrolled_phases
from musaic_core.tasks.separation.task import POWER


class Solver(BaseSolver):
    """Gaussian stems of powers (W H)_n that prefer the phases of sinusoids.

    The templates W are a dictionary, which is held. Stems are filtered out by
    anisotropic Wiener filters, in each channel by itself. With a `concentration` of 0
    all phases are as likely, and it is the NMF with β = 0.

    Magron and Virtanen 2019.
    """

    name = "complex_isnmf"
    answers = "stems"
    kind = "low-rank"
    in_default_run = False  # six times nmf's time, and below where it scores
    axes = (("frequency", "time"),)
    exponent = 2
    uses_hints = supervised = True  # it uses the dictionary, which is adapted to hints
    parameters = {"dictionary": ["fixed"], "concentration": [0.5], "n_iter": [10]}

    def misfit(self, task):
        if not task.train:
            return "there are no stems to learn from"

    def predict(self, recording, given):
        W, H, labels = activations_of_dictionary(given, beta=0)
        powers, images = products_of(W, H, indices_of(labels)), []
        for X in given.spectrum[:, : len(given.V)]:
            told = given.frequencies, given.frame, self.concentration
            model = complex_isnmf(
                X,
                labels,
                unrolled_phases(X, powers, *told),
                self.concentration,
                init=(W, H),
                fixed=("templates",),
                max_iter=self.n_iter,
            )
            images.append(model.images(X, POWER / self.exponent))
        self.n_parameters = model.n_parameters * len(images)
        images = np.stack(images, 1)
        stems = stems_of_images(*recording.audio(), given.spectrum, images)
        return dict(zip(np.unique(labels), stems, strict=True))
