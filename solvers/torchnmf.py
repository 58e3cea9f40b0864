"""Nonnegative matrix factorization by torchnmf."""

import numpy as np

from musaic_core.benchmark.algorithm import Algorithm


class Solver(Algorithm):
    """V ≈ W H by multiplicative updates from automatic gradients, for any β.

    To be preferred where a factorization is a part of a PyTorch model. Yu 2020.
    """

    name = "torchnmf"
    requirements = ["pip::torchnmf"]

    def prepare(self):
        import torch
        from torchnmf.nmf import NMF

        self.nmf, self.tensor = NMF, torch.from_numpy
        # samples are rows in torchnmf: Vᵀ ≈ Hᵀ Wᵀ
        self.V = torch.from_numpy(np.ascontiguousarray(self.task.V.T))

    def minimise(self, start, n_iter):
        W, H = start
        model = self.nmf(W=self.tensor(W), H=self.tensor(np.ascontiguousarray(H.T)))
        model.fit(self.V, beta=self.task.beta, tol=-1, max_iter=n_iter)
        return [model.W.detach().numpy(), model.H.detach().numpy().T]
