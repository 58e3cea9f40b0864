"""Transkun, a transformer that hears pianos."""

import json
import tempfile
from importlib.resources import files
from pathlib import Path

import librosa

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.data.audio import mixed_down
from musaic_core.data.notes import read_midi


class Solver(BaseSolver):
    """Notes as intervals that are scored as a whole, by a transformer, as published.

    It fits nothing here: its weights are those of the package, under the MIT licence.
    They were trained on MAESTRO with augmentation, so that scores on the training part
    of MAESTRO mean nothing; MAPS was not among it. Notes last as long as keys or the
    sustain pedal, which it hears too, are down. Yan and Duan 2024.
    """

    name = "transkun"
    answers = "notes"
    requirements = ["pip::transkun"]

    def prepare(self):
        import torch
        from transkun import Data, ModelTransformer

        folder = files("transkun") / "pretrained"
        told = json.loads((folder / "2.0.conf").read_text(encoding="utf-8"))
        config = ModelTransformer.Config()
        vars(config).update(told["Model"]["config"])
        with (folder / "2.0.pt").open("rb") as file:
            weights = torch.load(file, map_location="cpu", weights_only=True)
        self.model = ModelTransformer.TransKun(conf=config).eval()
        self.model.load_state_dict(weights["state_dict"])
        self.n_parameters = sum(p.numel() for p in self.model.parameters())
        self.torch, self.write_midi = torch, Data.writeMidi

    def predict(self, recording, given):
        y, sr = recording.audio()
        y = librosa.resample(mixed_down(y), orig_sr=sr, target_sr=self.model.fs)
        self.model.to(given.device)
        with self.torch.no_grad():
            x = self.torch.from_numpy(y[:, None]).to(given.device)
            events = self.model.transcribe(x)
        with tempfile.TemporaryDirectory() as folder:
            # the pedal holds notes as it does in any file
            file = Path(folder) / "notes.mid"
            self.write_midi(events).write(str(file))
            return read_midi(file)
