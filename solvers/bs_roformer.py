"""Band-split RoFormer, with weights of one's own."""

import inspect
from pathlib import Path

import numpy as np
import yaml

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.published import Published, in_windows


class Solver(Published, BaseSolver):
    """Complex masks by transformers along time and along bands of a spectrogram.

    Code of the package BS-RoFormer (MIT), ``weights`` from a ``.ckpt`` file with its
    ``.yaml`` beside it, in the form of Music-Source-Separation-Training. A file loads
    in a version of the package that has its layers, such as 0.4.1. The paper's weights
    are not public. Of others, their authors say under which licence they are and what
    they were trained on, such as MUSDB18-HQ or songs of their own: whether test songs
    of a corpus are among these is not known here. What a model of one stem leaves is
    ``other``. Lu et al. 2024.
    """

    name = "bs_roformer"
    requirements = ["pip::BS-RoFormer"]
    parameters = {"weights": [None]}

    def load(self):
        import torch
        from bs_roformer import BSRoformer

        file = Path(self.weights).expanduser()
        text = file.with_suffix(".yaml").read_text(encoding="utf-8")
        config = yaml.load(text, _Loader)
        # options of training that the package does not have
        known = inspect.signature(BSRoformer.__init__).parameters
        options = {k: v for k, v in config["model"].items() if k in known}
        self.torch, network = torch, BSRoformer(**options).eval()
        state = torch.load(file, "cpu", weights_only=True)
        network.load_state_dict(state.get("state_dict", state))
        alone = config["training"].get("target_instrument")
        self.stems = (alone, "other") if alone else config["training"]["instruments"]
        self.rate = config["audio"].get("sample_rate", 44_100)
        self.window = config["audio"]["chunk_size"] // 2 * 2
        return network

    def separate(self, mixture):
        def made(part):
            with self.torch.no_grad():
                stems = self.network(self.torch.tensor(part[None]))[0].numpy()
            stems = stems.reshape(-1, *stems.shape[-2:])
            lost = part.shape[1] - stems.shape[2]  # what is no whole frame
            stems = np.pad(stems, [(0, 0), (0, 0), (0, lost)])
            if len(stems) < len(self.stems):
                stems = np.concatenate([stems, part[None] - stems])
            return stems

        return in_windows(mixture, self.window, made)


class _Loader(yaml.SafeLoader):
    """Of tuples too, which these files are written with."""


_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple",
    lambda loader, node: tuple(loader.construct_sequence(node)),
)
