"""Stems that have spectra, and a place among the channels."""

import numpy as np

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.lowrank.structured.full_rank import full_rank_nmf
from musaic_core.lowrank.structured.multichannel import (
    MultichannelNMF,
    multichannel_nmf,
)
from musaic_core.tasks.separation.first_fit import activations_of_dictionary
from musaic_core.tasks.separation.images import stems_of_images
from musaic_core.tasks.separation.task import POWER


class Solver(BaseSolver):
    """Covariances of the channels, Σ_n (W H)_n R_n.

    The templates W of the stems are a dictionary, and their activations H those of an
    NMF of the channels' mean; both are held. The stems' covariances R_n among the
    channels, at each frequency, are fitted to the recording, from where all stems come
    from the same place. Stems are filtered out by multichannel Wiener filters, and not
    by masks: what comes from elsewhere is cancelled. Of one channel, it is the NMF.

    With ``spatial="joint"`` one transform makes all R_n diagonal, which is FastMNMF;
    with ``"full_rank"`` they are any covariances.

    Sekiguchi, Bando, Nugraha, Yoshii and Kawahara 2020; Sawada, Kameoka, Araki and Ueda
    2013.
    """

    name = "multichannel_nmf"
    answers = "stems"
    kind = "low-rank"
    in_default_run = False  # more than twice nmf's time, and where it scores
    axes = (("frequency", "time"),)
    exponent = None
    uses_hints = supervised = True  # it uses the dictionary, which is adapted to hints
    parameters = {
        "dictionary": ["fixed"],
        "spatial": ["joint"],  # also full_rank
        "n_iter": [20],
    }

    def misfit(self, task):
        if not task.train:
            return "there are no stems to learn from"

    def predict(self, recording, given):
        W, H, labels = activations_of_dictionary(given)
        X = np.ascontiguousarray(given.spectrum[:, : len(given.V)])
        root = 2 / given.exponent  # of what V is, powers
        begun = MultichannelNMF(
            W**root, H**root, *same_place(X, len(np.unique(labels))), labels
        )
        held = "spectra", "activations"
        if self.spatial == "full_rank" and len(X) > 1:
            start = begun.spectra, begun.activations, begun.covariances
            fit = full_rank_nmf
        else:
            start = begun.spectra, begun.activations, begun.powers, begun.demixing
            held += ("powers", "demixing") if len(X) == 1 else ()
            fit = multichannel_nmf
        model = fit(X, labels, init=start, fixed=held, max_iter=self.n_iter)
        self.n_parameters = model.n_parameters
        images = model.images(X, POWER / 2)
        stems = stems_of_images(*recording.audio(), given.spectrum, images)
        return dict(zip(np.unique(labels), stems, strict=True))


def same_place(X, n_sources):
    """The channels' principal directions, and the powers of the mixture in them."""
    _, directions = np.linalg.eigh(np.einsum("mft,nft->mn", X, X.conj()))
    demixing = np.tile(directions.conj().T, (X.shape[1], 1, 1))
    powers = (np.abs(demixing @ X.swapaxes(0, 1)) ** 2).mean(2) + 1e-30
    powers /= powers.mean(1, keepdims=True)
    return np.tile(powers.T, (n_sources, 1, 1)), demixing
