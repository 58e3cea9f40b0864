"""Open-Unmix, as published."""

from pathlib import Path

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.errors import InputError
from musaic_core.tasks.separation.published import Published


class Solver(Published, BaseSolver):
    """Four stems, each by LSTMs of its own, then a multichannel Wiener filter.

    Code of the package openunmix (MIT), ``weights`` from a folder with a file for each
    stem, such as ``vocals-b62c91ce.pth``. ``umxhq`` (MIT) was trained on the training
    songs of MUSDB18-HQ, ``umxl`` (CC BY-NC-SA 4.0) on 400 hours that are not public:
    whether songs of a corpus are among them is not known. The solver ``open_unmix`` is
    a small one that is trained here. Stöter et al. 2019.
    """

    name = "umx"
    requirements = ["pip::openunmix"]
    parameters = {"weights": [None]}

    def load(self):
        import torch
        from openunmix.model import Separator

        networks = {stem: self.network_of(stem) for stem in self.stems}
        n_fft = 2 * (networks["vocals"].nb_output_bins - 1)
        self.torch = torch
        network = Separator(
            networks, niter=1, sample_rate=self.rate, n_fft=n_fft, n_hop=n_fft // 4
        )
        network.freeze()
        return network

    def network_of(self, stem):
        """The network of a stem, whose sizes are those of its weights."""
        import torch
        from openunmix.model import OpenUnmix

        file = next(Path(self.weights).expanduser().glob(f"{stem}*.pth"), None)
        if file is None:
            raise InputError(f"{self.weights}: there is no {stem}….pth")
        state = torch.load(file, "cpu", weights_only=True)
        network = OpenUnmix(
            nb_bins=len(state["output_mean"]),
            hidden_size=len(state["bn1.weight"]),
            max_bin=len(state["input_mean"]),
        )
        network.load_state_dict(state, strict=False)  # windows were kept there once
        return network

    def separate(self, mixture):
        with self.torch.no_grad():
            return self.network(self.torch.tensor(mixture[None]))[0].numpy()
