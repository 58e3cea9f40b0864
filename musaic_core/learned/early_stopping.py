"""Training that is checked on recordings which are held out of it.

As `musaic_core.learned.training`, for networks that are large beside what they learn
from: the state that does best on recordings that were not learned from is the one kept.
"""

import sys
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from musaic_core.learned.training import load

LOSSES = "losses"  # an array of the state: steps, losses in training and held out
CHECKS = 20  # how often the held-out recordings are listened to
PATIENCE = 10  # checks without a better one, after which training stops


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


def train_checked(
    build: Callable[[], nn.Module],
    draw: Callable[[np.random.Generator], Sequence[np.ndarray]],
    loss: Callable[..., Tensor],
    check: Sequence[Sequence[np.ndarray]],
    *,
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    rate: float = 3e-3,
) -> dict[str, np.ndarray]:
    """Train a network with AdamW and give the averaged weights that check best.

    The learning rate rises over the first twenty steps and decays as a cosine; weights
    are averaged over about the last hundred steps. `CHECKS` times the averaged weights
    are tried on what is held out, and training ends where `PATIENCE` checks in a row
    have found nothing better. On a CPU one thread does the work, so that the same seed
    gives the same weights however many cores there are; on a GPU the network computes
    in bfloat16.

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
    check : sequence
        Batches of held-out recordings; without any, the last weights are given.
    steps : int
        Batches to learn from, at most.
    seed : int
    device : str
        PyTorch's name of where to train.
    rate : float
        Greatest learning rate.

    Returns
    -------
    dict of str to ndarray
        The network's state, for `restore`, and `LOSSES` (checks, 3): after how many
        steps, the mean loss in training since the check before, and the one held out.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019. Prechelt,
    "Early stopping, but when?", in Neural Networks: Tricks of the Trade, 1998.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small batches are slower with more
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _train(build, draw, loss, check, steps, seed, device, rate)
    finally:
        torch.set_num_threads(threads)


def _train(build, draw, loss, check, steps, seed, device, rate):
    rng, network = np.random.default_rng(seed), build().to(device)

    def average(old, new, n_averaged):
        return old + (new - old) * max(0.01, 9 / (n_averaged + 10))

    def loss_of(model, batch):
        inputs, *others = (torch.as_tensor(a, device=device) for a in batch)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            output = model(inputs)
        return loss(output.float(), *others)

    averaged = AveragedModel(network, avg_fn=average, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, (step + 1) / 20) * (1 + np.cos(np.pi * step / steps)) / 2,
    )
    every, losses, recent = max(1, steps // CHECKS), [], []
    best = None
    for step in range(1, steps + 1):
        value = loss_of(network, draw(rng))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        averaged.update_parameters(network)
        recent.append(value.item())
        if step % every and step < steps:
            continue
        averaged.eval()
        with torch.no_grad():
            checked = [loss_of(averaged.module, batch).item() for batch in check]
        losses.append((step, np.mean(recent), np.mean(checked) if check else np.nan))
        recent = []
        _show(losses[-1], steps)
        if not check or best is None or losses[-1][2] <= losses[best][2]:
            best = len(losses) - 1
            state = averaged.module.state_dict()
            kept = {name: _stored(a) for name, a in state.items()}
        elif len(losses) - 1 - best >= PATIENCE:
            break
    return kept | {LOSSES: np.array(losses, np.float32)}


def _stored(tensor):
    """Weights as they are kept: matrices and kernels in half precision, to be small."""
    array = tensor.cpu().numpy().copy()
    return array.astype(np.float16) if array.ndim > 1 else array


def restore(
    network: nn.Module, state: dict[str, np.ndarray], device: str = "cpu"
) -> nn.Module:
    """Set a network's state to what `train_checked` gave.

    Parameters
    ----------
    network : torch.nn.Module
        As `train_checked` built it.
    state : dict of str to ndarray
    device : str
        PyTorch's name of where to put the network.

    Returns
    -------
    torch.nn.Module
        The network, ready to be evaluated.
    """
    weights = {name: array for name, array in state.items() if name != LOSSES}
    return load(network, weights, device)


def _show(row, steps):
    """A line of progress, where someone may be watching."""
    if sys.stderr.isatty():
        step, in_training, checked = row
        told = f"loss {in_training:.4f}, held out {checked:.4f}"
        print(f"step {step} of {steps}, {told}", file=sys.stderr, flush=True)
