"""Training of any network, from batches that are drawn at random."""

import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def train(
    build: Callable[[], nn.Module],
    draw: Callable[[np.random.Generator], tuple],
    loss: Callable[..., Tensor],
    *,
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    rate: float = 6e-3,
) -> dict[str, np.ndarray]:
    """Train a network with AdamW and give its averaged weights.

    The learning rate rises over the first twenty steps and decays as a
    cosine. The weights are averaged over about the last hundred steps, which takes
    the noise of small batches out of them. On a CPU one thread does the work: small
    batches are no faster with more, and the same seed gives the same weights however
    many cores there are.

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
        Batches to learn from.
    seed : int
    device : str
        PyTorch's name of where to train.
    rate : float
        Greatest learning rate.

    Returns
    -------
    dict of str to ndarray
        The network's state, for `load`.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019. Polyak
    and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal
    on Control and Optimization 30 (4), 1992.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build().to(device)

    def average(old, new, n_averaged):
        return old + (new - old) * max(0.01, 9 / (n_averaged + 10))

    averaged = AveragedModel(network, avg_fn=average, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, (step + 1) / 20) * (1 + np.cos(np.pi * step / steps)) / 2,
    )
    progress = sys.stderr if sys.stderr.isatty() else None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small batches are slower with more
    for step in range(1, steps + 1):
        inputs, *others = (torch.as_tensor(a, device=device) for a in draw(rng))
        value = loss(network(inputs), *others)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        averaged.update_parameters(network)
        if progress and (step % 10 == 0 or step == steps):
            end = "\n" if step == steps else ""
            text = f"\rstep {step} of {steps}, loss {value.item():.4f}"
            print(text, end=end, file=progress, flush=True)
    torch.set_num_threads(threads)
    return {name: a.cpu().numpy() for name, a in averaged.module.state_dict().items()}


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
    network.load_state_dict({name: torch.tensor(a) for name, a in state.items()})
    return network.to(device).eval()
