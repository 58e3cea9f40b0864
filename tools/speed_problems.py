"""What `tools.speed` measures: problems, and who takes part in each.

Who takes part in a factorization are the solvers of `benchmarks/factorization`, so one
that is added there is measured. Deep models, whole runs to a given divergence and
batches on a GPU, which have no benchmark, are called here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from benchopt.benchmark import Benchmark
from benchopt.utils.parametrized_name_mixin import product_param

from musaic_core.benchmark.algorithm import Algorithm
from musaic_core.lowrank import beta_divergence, deep_nmf, multilayer_nmf, nmf
from musaic_core.lowrank.updates import ExtrapolatedMU
from musaic_core.tasks.factorization.task import Approximation, Data

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmarks" / "factorization"
OURS = "musaic"  # the package of what is this project's own

Run = Callable[[int], object]


@dataclass
class Contender:
    """A package's way of running n iterations on a problem."""

    package: str
    backend: str
    make: Callable[[], Run]
    iterations: int | None = None
    milliseconds: float = math.nan
    trouble: str = ""


@dataclass
class Problem:
    """The work of one iteration in multiplications, and who takes part."""

    name: str
    work: float
    contenders: list[Contender]
    device: str = "cpu"


def spectrogram(shape=(1025, 1975), n_notes=60, seed=0) -> np.ndarray:
    """A magnitude spectrogram of harmonic notes that decay, with noise; float32."""
    rng = np.random.default_rng(seed)
    n_bins, n_frames = shape
    bins = np.arange(n_bins)
    W = np.zeros((n_bins, n_notes))
    for k in range(n_notes):
        pitch = 6 * 2 ** (k / 12)
        for partial in range(1, int(n_bins / pitch) + 1):
            peak = np.exp(-0.5 * ((bins - partial * pitch) / 1.2) ** 2)
            W[:, k] += peak * rng.uniform(0.5, 1.5) / partial
    H = np.zeros((n_notes, n_frames))
    for _ in range(n_frames // 2):
        k, t = rng.integers(n_notes), rng.integers(n_frames)
        length = min(n_frames - t, 120)
        H[k, t : t + length] += rng.uniform(0.2, 1) * 0.96 ** np.arange(length)
    noise = rng.gamma(2, 0.5, shape)
    return ((W @ H + 1e-3) * noise).astype(np.float32)


def finished(run: Callable, device: str) -> Callable:
    """The same call, which does not return before the device has done its work."""

    def wait(*arguments):
        result = run(*arguments)
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return wait


def algorithms(task: Approximation) -> Iterator[Contender]:
    """The solvers that minimise a task's divergence, with each of their parameters."""
    for solver in _solvers():
        for parameters in product_param(solver.parameters):
            contender = solver.get_instance(**parameters)
            try:
                misfit = contender.misfit(task)
            except ImportError:  # absent, which is listed as such
                misfit = None
            if misfit is None:
                label = ", ".join(map(str, parameters.values()))
                yield Contender(solver.name, label, _prepared(contender, task))


@cache
def _solvers():
    solvers = Benchmark(BENCHMARK).get_solvers()
    return [solver for solver in solvers if issubclass(solver, Algorithm)]


def _prepared(solver, task):
    def make():
        solver.is_installed(raise_on_not_installed=True)
        solver.task = task
        solver.prepare()
        return lambda n: solver.minimise(task.start, n)

    return make


def deep_contenders(V, ranks) -> list[Contender]:
    """Two layers of a deep NMF for β = 1."""
    first = multilayer_nmf(V, ranks, seed=0, max_iter=1)
    names = "templates", "activations", "templates 2", "activations 2"
    (below,) = first.below
    arrays = first.templates, first.activations, below.templates, below.activations
    start = dict(zip(names, arrays, strict=True))

    def ours(**options):
        return lambda: lambda n: deep_nmf(V, ranks, init=start, max_iter=n, **options)

    def nn_fac():
        from nn_fac.deep_nmf import one_step_deep_KL_nmf as step

        X, *factors = (array.astype(np.float64) for array in (V, *arrays))

        def run(n):
            U, A = factors[::2], factors[1::2]
            for _ in range(n):
                U, A, _ = step(X, list(U), list(A), list(ranks), np.ones(2), 1e-6)
            return U, A

        return run

    return [
        Contender(OURS, "layers, mu, c", ours(backend="c")),
        Contender(OURS, "layers, mu, numpy", ours(backend="numpy")),
        Contender(OURS, "layers, mu-extrapolated, c", ours(update="mu-extrapolated")),
        Contender(OURS, "data, mu, c", ours(loss="data")),
        Contender("nn_fac", "float64", nn_fac),
    ]


def option_contenders(task: Approximation) -> list[Contender]:
    """The extrapolated updates alone, the first, and with each option on top.

    Tolerances are so small that nothing ends before its time.
    """
    bounded = ExtrapolatedMU(bound=1e3)
    never = 1e-300
    options = {
        "mu-extrapolated": {},
        "epsilon=1e-12": {"epsilon": 1e-12},
        "update=ExtrapolatedMU(bound=1e3)": {"update": bounded},
        "both of these": {"epsilon": 1e-12, "update": bounded},
        "tol": {"tol": never},
        "tol_kkt": {"tol_kkt": never},
        "history=True": {"history": True},
        "data_weights": {"data_weights": np.ones_like(task.V)},
    }

    def make(given):
        how = {"update": "mu-extrapolated", "beta": task.beta} | given
        return lambda n: nmf(task.V, task.ranks, init=task.start, max_iter=n, **how)

    return [
        Contender(OURS, name, lambda given=given: make(given))
        for name, given in options.items()
    ]


def batch_contenders(batch, rank, device) -> list[Contender]:
    """Multiplicative updates of many matrices for β = 1, at once where one can."""
    start = nmf(batch, rank, seed=0, max_iter=0)
    arrays = batch, start.templates, start.activations

    def ours():
        V, *init = (torch.from_numpy(array).to(device) for array in arrays)

        def run(n):
            return nmf(V, rank, init=tuple(init), max_iter=n, backend="torch")

        return finished(run, device)

    def torchnmf():
        from torchnmf.nmf import NMF

        starts = [
            [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in one]
            for one in zip(batch.mT, start.templates, start.activations.mT, strict=True)
        ]

        def run(n):
            for X, W, H in starts:
                NMF(W=W, H=H).to(device).fit(X, tol=0, max_iter=n)

        return finished(run, device)

    return [
        Contender(OURS, f"mu, torch, {device}", ours),
        Contender("torchnmf", f"float32, {device}", torchnmf),
    ]


def time_to_divergence(task: Approximation) -> list[Contender]:
    """Whole runs, to the divergence that 200 multiplicative updates come to.

    Those are the same for every package; our faster rules take as many as they need.
    """
    V, beta = task.V, task.beta
    kept = {
        (c.package, c.backend): c
        for c in algorithms(task)
        if (c.package, c.backend)
        in {
            ("sklearn-updates", "mu"),
            ("torchnmf", ""),
            (OURS, "mu, c"),
            (OURS, "mu-extrapolated, c"),
            (OURS, "hals-mu, c"),
        }
    }
    W, H = kept[OURS, "mu, c"].make()(200)
    goal = beta_divergence(V, W @ H, beta)

    def reached(_, model):
        return beta_divergence(V, model.reconstruct(), beta) <= goal

    for (package, backend), contender in kept.items():
        rule = backend.split(", ")[0]
        options = {"update": rule, "max_iter": 400, "callback": reached}
        is_faster = package == OURS and rule != "mu"
        contender.iterations = (
            nmf(V, task.ranks, beta=beta, init=task.start, **options).n_iter
            if is_faster
            else 200
        )
    return list(kept.values())


def problems(only: str | None = None) -> Iterator[Problem]:
    """The problems, each made when its turn comes."""

    def task(model, V, ranks, beta):
        return Approximation(Data("speed", V), model, ranks, beta)

    for name, rank, beta in (
        ("kl-nmf-k88", 88, 1),
        ("kl-nmf-k20", 20, 1),
        ("is-nmf-k88", 88, 0),
    ):
        if only in (None, name):
            V = spectrogram()
            contenders = list(algorithms(task("nmf", V, rank, beta)))
            yield Problem(name, 4 * V.size * rank, contenders)
    if only in (None, name := "deep-kl-nmf-88-32"):
        V = spectrogram()
        work = 4 * (V.size * 88 + len(V) * 88 * 32)
        yield Problem(name, work, deep_contenders(V, (88, 32)))
    if only in (None, name := "options-kl-k88"):
        V = spectrogram()
        contenders = option_contenders(task("nmf", V, 88, 1))
        yield Problem(name, 4 * V.size * 88, contenders)
    if only in (None, name := "time-to-kl-k88"):
        contenders = time_to_divergence(task("nmf", spectrogram(), 88, 1))
        yield Problem(name, math.nan, contenders)
    shape, ranks = (80, 96, 100), (32, 24, 12)
    V = np.abs(np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    for beta in (2, 1):
        if only in (None, name := f"ntd-beta{beta}"):
            if beta == 2:  # the data with the last factor, and with the others
                second = V.size // shape[1] * ranks[1] * ranks[0]
                work = V.size * (ranks[2] + ranks[1]) + second
            else:  # a reconstruction and a product back for each block
                work = 2 * V.size * (sum(ranks) + min(ranks))
            yield Problem(name, work, list(algorithms(task("ntd", V, ranks, beta))))
    if only in (None, name := "ncp-beta2"):
        contenders = list(algorithms(task("ncp", V, 32, 2)))
        yield Problem(name, 1.5 * V.size * 32, contenders)
    if only in (None, name := "gpu-kl-nmf-k88-batch"):
        batch, contenders = np.empty(0), []
        if torch.cuda.is_available():
            batch = np.stack([spectrogram(seed=seed) for seed in range(32)])
            contenders = batch_contenders(batch, 88, "cuda")
        yield Problem(name, 4 * batch.size * 88, contenders, "cuda")
