"""Hybrid Transformer Demucs, as published."""

from fractions import Fraction
from pathlib import Path

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.published import Published


class Solver(Published, BaseSolver):
    """Four stems by a transformer across a waveform and its spectrogram.

    Code of the package demucs (MIT), ``weights`` from a file of one of its models, such
    as ``955717e8-8726e21a.th``: Meta has published them with the code, and states no
    licence of their own. They were trained on the training songs of MUSDB18-HQ and on
    800 others that are not public, so ``musdb`` is scored on songs that they have not
    heard; whether others have been heard, as of MedleyDB, is not known. Rouard, Massa
    and Défossez 2023.
    """

    name = "htdemucs"
    requirements = ["pip::demucs"]
    parameters = {"weights": [None]}

    def load(self):
        import torch
        from demucs.apply import apply_model
        from demucs.htdemucs import HTDemucs
        from demucs.states import load_model

        # the file holds the network's class and options beside its numbers
        with torch.serialization.safe_globals([HTDemucs, Fraction]):
            file = Path(self.weights).expanduser()
            stored = torch.load(file, "cpu", weights_only=True)
        self.torch, self.apply = torch, apply_model
        network = load_model(stored).eval()
        self.stems, self.rate = tuple(network.sources), network.samplerate
        return network

    def separate(self, mixture):
        x = self.torch.tensor(mixture)
        mean, deviation = x.mean(), x.std() + 1e-8  # as the package's command does
        x = (x - mean) / deviation
        with self.torch.no_grad():
            made = self.apply(self.network, x[None], shifts=0)[0]
        return (made * deviation + mean).numpy()
