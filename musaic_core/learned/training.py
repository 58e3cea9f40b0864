"""Training of any network, from batches that are drawn at random.

A training that is interrupted, by Ctrl-C or by a machine that goes down, can be gone on
with, and comes to the same weights as if nothing had happened: from time to time it is
written to a checkpoint, with all that the rest of it depends on.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from musaic_core.data.errors import report_once

LOSSES = "losses"  # an array of the state: steps, losses in training and held out
CHECKS = 20  # how often the held-out recordings are listened to
PATIENCE = 10  # checks without a better one, after which training stops
SAVE_EVERY = 20.0  # seconds between two checkpoints


def held_out(ids: Iterable[str], seed: int = 0) -> set[str]:
    """Choose the recordings that are held out: a fifth, but one at least.

    Parameters
    ----------
    ids : iterable of str
        Of the recordings. Those of one id, as of one performance in two timbres, stay
        together.
    seed : int

    Returns
    -------
    set of str
        Empty where there is one recording alone.
    """
    ids = sorted(set(ids))
    n = 0 if len(ids) < 2 else max(1, len(ids) // 5)
    return set(np.random.default_rng(seed).permutation(ids)[:n].tolist())


def train(
    build: Callable[[], nn.Module],
    draw: Callable[[np.random.Generator], Sequence[np.ndarray]],
    loss: Callable[..., Tensor],
    *,
    steps: int,
    minutes: float | None = None,
    check: Sequence[Sequence[np.ndarray]] = (),
    seed: int = 0,
    device: str = "cpu",
    rate: float = 6e-3,
    checkpoints: Path | None = None,
) -> dict[str, np.ndarray]:
    """Train a network with AdamW and give its averaged weights, those that check best.

    The learning rate rises over the first twenty steps and decays as a cosine. Weights
    are averaged over about the last hundred steps, which takes the noise of small
    batches out of them. `CHECKS` times the averaged weights are tried on what is held
    out, and training ends where `PATIENCE` checks in a row have found nothing better.

    On a CPU one thread does the work: small batches are no faster with more, and the
    same seed gives the same weights however many cores there are. On a GPU the network
    computes in bfloat16.

    Parameters
    ----------
    build : callable
        ``build()`` makes the network, its weights at random.
    draw : callable
        ``draw(rng)`` gives a batch: arrays, of which the network is called with the
        first.
    loss : callable
        ``loss(output, *others)``, of the network's output and the batch's other
        arrays, as tensors.
    steps : int
        Batches to learn from, at most.
    minutes : float, optional
        How long to train at most. The rate decays over this time if it is up before all
        steps are done, so that it ends where a training of fewer steps does; weights
        then depend on how fast the machine is.
    check : sequence
        Batches of held-out recordings; without any, the last weights are given.
    seed : int
    device : str
        PyTorch's name of where to train.
    rate : float
        Greatest learning rate.
    checkpoints : Path, optional
        Folder in which the training is kept, in a file of its seed's name, every
        `SAVE_EVERY` seconds and at its end. If it is there already, it is gone on with.

    Returns
    -------
    dict of str to ndarray
        The network's state, for `load`, and `LOSSES` (checks, 3): after how many steps,
        the mean loss in training since the check before, and the one held out, NaN
        without any.

    Raises
    ------
    ValueError
        There is no step or no time to learn in.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019. Polyak
    and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal
    on Control and Optimization 30 (4), 1992. Prechelt, "Early stopping, but when?", in
    Neural Networks: Tricks of the Trade, 1998. Li, Yumer and Ramanan, "Budgeted
    training: rethinking deep neural network training under resource constraints", ICLR
    2020.
    """
    if steps < 1 or (minutes is not None and minutes <= 0):
        told = f"steps is {steps} and minutes is {minutes}"
        raise ValueError(f"{told}: give one step or more, and more than no time")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small batches are slower with more
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            training = _Training(build().to(device), loss, seed, device)
            file = checkpoints and checkpoints / f"{seed}.safetensors"
            if file:
                training.go_on_from(file)
            _run(training, draw, check, steps, minutes, rate, file)
    finally:
        torch.set_num_threads(threads)
    return training.kept | {LOSSES: np.array(training.losses, np.float32)}


def _run(training, draw, check, steps, minutes, rate, file):
    """Learn until all steps are done, the time is up, or nothing better is found."""

    def done():  # in steps, as whose share of all of them the time that is up counts
        used = steps * training.seconds / (60 * minutes) if minutes else 0
        return max(training.step, used)

    now = saved = shown = time.monotonic()
    while not training.has_ended:
        rise = min(1, (training.step + 1) / 20)
        decayed = rise * (1 + np.cos(np.pi * done() / steps)) / 2
        training.learn(draw(training.rng), rate * decayed)
        before, now = now, time.monotonic()
        training.seconds += now - before
        training.has_ended = done() >= steps
        if training.has_ended or CHECKS * done() / steps >= len(training.losses) + 1:
            training.check(check)
        if file and (training.has_ended or now - saved >= SAVE_EVERY):
            training.save(file)
            saved = now
        if sys.stderr.isatty() and (training.has_ended or now - shown >= 1):
            left = training.seconds * max(0, steps / done() - 1)
            training.show(steps, left)
            shown = now


class _Training:
    """A training as far as it has come: all that the rest of it depends on."""

    def __init__(self, network, loss, seed, device):
        def average(old, new, n_averaged):
            return old + (new - old) * max(0.01, 9 / (n_averaged + 10))

        self.network, self.loss, self.device = network, loss, device
        self.averaged = AveragedModel(network, avg_fn=average, use_buffers=True)
        self.optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.99))
        self.rng = np.random.default_rng(seed)
        self.kept = {}  # the averaged weights that were the best
        self.step, self.seconds, self.has_ended = 0, 0.0, False
        self.recent = []  # losses in training since the last check
        self.losses, self.best = [], 0  # what checks found, and which is the best

    def loss_of(self, network, batch):
        inputs, *others = (torch.as_tensor(a, device=self.device) for a in batch)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            output = network(inputs)
        return self.loss(output.float(), *others)

    def learn(self, batch, rate):
        """Take a step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        value = self.loss_of(self.network, batch)
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        self.averaged.update_parameters(self.network)
        self.recent.append(value.item())
        self.step += 1

    def check(self, batches):
        """Try the averaged weights on what is held out; keep them if they are best."""
        network = self.averaged.module.eval()
        with torch.no_grad():
            checked = [self.loss_of(network, batch).item() for batch in batches]
        checked = np.mean(checked) if checked else np.nan
        self.losses.append((self.step, float(np.mean(self.recent)), float(checked)))
        self.recent = []
        is_first = len(self.losses) == 1
        if not batches or is_first or checked <= self.losses[self.best][2]:
            self.best = len(self.losses) - 1
            state = network.state_dict()
            self.kept = {name: a.cpu().numpy().copy() for name, a in state.items()}
        elif len(self.losses) - 1 - self.best >= PATIENCE:
            self.has_ended = True

    def show(self, steps, left):
        """Tell how far it has come, in one line that is written over."""
        told = f"step {self.step} of {steps}"
        if self.losses:
            _, in_training, checked = self.losses[-1]
            told += f", loss {in_training:.4f}"
            told += "" if np.isnan(checked) else f", held out {checked:.4f}"
        told += f", {left / 60:.1f} min left"
        end = "\n" if self.has_ended else ""
        print(f"\r{told:<79}", end=end, file=sys.stderr, flush=True)

    # ---- checkpoints

    _NUMBERS = ("step", "has_ended", "recent", "losses", "best")

    def save(self, file):
        """Write a checkpoint: whole, or not at all, as where the disk is full."""
        moments = self.optimizer.state_dict()["state"]
        random = {"cpu": torch.get_rng_state()}
        if self.device == "cuda":
            random["cuda"] = torch.cuda.get_rng_state()
        parts = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "random": random,
            "kept": {name: torch.from_numpy(a) for name, a in self.kept.items()},
            **{f"optimizer {k}": of_one for k, of_one in moments.items()},
        }
        # in C order: others, as of channels that lie side by side, would be mixed up
        arrays = {
            f"{part}/{name}": tensor.cpu().contiguous().numpy()
            for part, tensors in parts.items()
            for name, tensor in tensors.items()
        }
        numbers = {name: getattr(self, name) for name in self._NUMBERS}
        numbers["rng"] = self.rng.bit_generator.state
        written = file.with_suffix(".new")
        metadata = {"numbers": json.dumps(numbers), "seconds": repr(self.seconds)}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            safetensors.numpy.save_file(arrays, written, metadata)
            written.replace(file)
        except Exception as error:
            report_once(f"{file}: not written, so not gone on from ({error})")

    def go_on_from(self, file):
        """Take up what a checkpoint says, if there is one that can be read."""
        if not file.exists():
            return
        parts = {"kept": {}}
        try:
            with safetensors.safe_open(file, "pt") as stored:
                metadata = stored.metadata()
                numbers = json.loads(metadata["numbers"])
                numbers["seconds"] = float(metadata["seconds"])
                keys = stored.keys()
                for key in keys:
                    part, name = key.split("/", 1)
                    parts.setdefault(part, {})[name] = stored.get_tensor(key)
        except Exception as error:
            reason = f"not a usable checkpoint ({error}); training begins anew"
            report_once(f"{file}: {reason}")
            return
        self.rng.bit_generator.state = numbers.pop("rng")
        for name, value in numbers.items():
            setattr(self, name, value)
        self.network.load_state_dict(parts["network"])
        self.averaged.load_state_dict(parts["averaged"])
        known = self.optimizer.state_dict()
        known["state"] = {
            int(part.split()[1]): tensors
            for part, tensors in parts.items()
            if part.startswith("optimizer")
        }
        self.optimizer.load_state_dict(known)
        self.kept = {name: tensor.numpy() for name, tensor in parts["kept"].items()}
        torch.set_rng_state(parts["random"]["cpu"])
        if self.device == "cuda" and "cuda" in parts["random"]:  # it began on one too
            torch.cuda.set_rng_state(parts["random"]["cuda"])


def halved(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Store matrices and kernels in half precision, to be small.

    Parameters
    ----------
    state : dict of str to ndarray
        What `train` gave.

    Returns
    -------
    dict of str to ndarray
        The same; vectors and `LOSSES` are as they were.
    """
    return {
        name: a.astype(np.float16) if a.ndim > 1 and name != LOSSES else a
        for name, a in state.items()
    }


def load(
    network: nn.Module, state: dict[str, np.ndarray], device: str = "cpu"
) -> nn.Module:
    """Set a network's state to what `train` gave.

    Parameters
    ----------
    network : torch.nn.Module
        As `train` built it.
    state : dict of str to ndarray
    device : str
        PyTorch's name of where to put the network.

    Returns
    -------
    torch.nn.Module
        The network, ready to be evaluated.
    """
    weights = {n: torch.tensor(a) for n, a in state.items() if n != LOSSES}
    network.load_state_dict(weights)
    return network.to(device).eval()
