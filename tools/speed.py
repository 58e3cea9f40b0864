"""Milliseconds an iteration, this project beside every installed peer.

Run ``python -m tools.speed``. All packages run in one process, in turn, from
the same start and on as many threads as they take by themselves; absent ones are
listed as such. The limit is the floating-point work of the products that no update
can avoid, over the measured rate of float32 matrix products. Problems of a GPU are
measured where there is one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from musaic_core.lowrank.deep.nmf import deep_nmf
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd

ROUNDS = 5
SECONDS_A_RUN = 0.4

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
    """Data, the work of one iteration in multiplications, and who takes part."""

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


def matrix_product_rate(device: str = "cpu") -> float:
    """Multiplications a second in float32 matrix products, by the fastest BLAS."""
    A = np.random.default_rng(0).random((1536, 1536), np.float32)
    if device != "cpu":
        A = np.tile(A, (6, 6))
    T = torch.from_numpy(A).to(device)
    products = [finished(lambda: T @ T, device)]
    if device == "cpu":
        products.append(lambda: A @ A)
    return len(A) ** 3 / min(_seconds(product) for product in products * ROUNDS)


def finished(run: Callable, device: str) -> Callable:
    """The same call, which does not return before the device has done its work."""

    def wait(*arguments):
        result = run(*arguments)
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return wait


# ---- who takes part


def nmf_contenders(V, rank, beta, rules=()) -> list[Contender]:
    """Multiplicative updates of a matrix, by everyone, and our rules of those names."""
    rng = np.random.default_rng(0)
    scale = np.sqrt(V.mean() / rank)
    W = (scale * rng.uniform(0.1, 2, (len(V), rank))).astype(V.dtype)
    H = (scale * rng.uniform(0.1, 2, (rank, V.shape[1]))).astype(V.dtype)
    loss = {0: "itakura-saito", 1: "kullback-leibler", 2: "frobenius"}[beta]

    def ours(backend, update="mu"):
        options = {"beta": beta, "init": (W, H), "update": update, "backend": backend}
        return lambda: lambda n, **more: nmf(V, rank, max_iter=n, **options, **more)

    def sklearn(dtype):
        def make():
            from sklearn.decomposition import non_negative_factorization

            X, W0, H0 = (array.astype(dtype) for array in (V, W, H))

            def run(n):
                return non_negative_factorization(
                    X,
                    W=W0.copy(),
                    H=H0.copy(),
                    n_components=rank,
                    init="custom",
                    solver="mu",
                    beta_loss=loss,
                    tol=0,
                    max_iter=n,
                )[:2]

            return run

        return make

    def nn_fac():
        from nn_fac.nmf import nmf as peer

        X, W0, H0 = (array.astype(np.float64) for array in (V, W, H))
        return lambda n: peer(
            X,
            rank,
            init="custom",
            U_0=W0.copy(),
            V_0=H0.copy(),
            n_iter_max=n,
            tol=0,
            update_rule="mu",
            beta=beta,
        )[:2]

    def torchnmf():
        from torchnmf.nmf import NMF

        X, W0, H0 = (torch.from_numpy(array) for array in (V.T.copy(), W, H.T.copy()))

        def run(n):
            model = NMF(W=W0.clone(), H=H0.clone())
            model.fit(X, beta=beta, tol=0, max_iter=n)
            return model.W.detach().numpy(), model.H.detach().numpy().T

        return run

    def nimfa():
        peer = importlib.import_module("nimfa")
        X, W0, H0 = (np.asmatrix(array.astype(np.float64)) for array in (V, W, H))

        def run(n):
            fit = peer.Nmf(
                X,
                W=W0,
                H=H0,
                rank=rank,
                max_iter=n,
                min_residuals=0,
                update="divergence",
                objective="div",
            )()
            return np.asarray(fit.basis()), np.asarray(fit.coef())

        return run

    contenders = [
        Contender("musaic_core", "c", ours("c")),
        Contender("musaic_core", "numpy", ours("numpy")),
        Contender("musaic_core", "torch", ours("torch")),
        Contender("sklearn", "float32", sklearn(np.float32)),
        Contender("sklearn", "float64", sklearn(np.float64)),
        Contender("nn_fac", "float64", nn_fac),
        Contender("torchnmf", "float32", torchnmf),
    ]
    if beta == 1:
        contenders.append(Contender("nimfa", "float64", nimfa))
    for rule in rules:
        contenders.append(Contender("musaic_core", f"c, {rule}", ours("c", rule)))
    return contenders


def ntd_contenders(V, ranks, beta) -> list[Contender]:
    """Nonnegative Tucker decompositions of a tensor."""
    rng = np.random.default_rng(0)
    factors = [
        rng.uniform(0.1, 1, shape).astype(V.dtype)
        for shape in zip(V.shape, ranks, strict=True)
    ]
    core = rng.uniform(0.1, 1, ranks).astype(V.dtype)

    def ours(backend, update="mu"):
        options = {"beta": beta, "update": update, "backend": backend}
        start = [*factors, core]
        return lambda: lambda n: ntd(V, ranks, init=start, max_iter=n, **options)

    def tensorly(name):
        def make():
            import tensorly.decomposition as peer
            from tensorly.tucker_tensor import TuckerTensor

            def run(n):
                start = TuckerTensor((core.copy(), [U.copy() for U in factors]))
                return getattr(peer, name)(V, ranks, n_iter_max=n, init=start, tol=0)

            return run

        return make

    def nn_fac():
        from nn_fac.ntd import ntd as peer

        return lambda n: peer(
            V,
            list(ranks),
            init="custom",
            core_0=core.copy(),
            factors_0=[U.copy() for U in factors],
            n_iter_max=n,
            tol=0,
            update_rule="mu",
            beta=beta,
            sparsity_coefficients=[None] * (V.ndim + 1),
            fixed_modes=[],
            normalize=[False] * (V.ndim + 1),
            mode_core_norm=None,
        )

    contenders = [
        Contender("musaic_core", "c", ours("c")),
        Contender("musaic_core", "numpy", ours("numpy")),
        Contender("nn_fac", "mu", nn_fac),
    ]
    if beta == 2:
        contenders += [
            Contender("musaic_core", "c, hals", ours("c", "hals")),
            Contender("tensorly", "mu", tensorly("non_negative_tucker")),
            Contender("tensorly", "hals", tensorly("non_negative_tucker_hals")),
        ]
    return contenders


def ncp_contenders(V, rank) -> list[Contender]:
    """Nonnegative CP decompositions of a tensor for β = 2."""
    rng = np.random.default_rng(0)
    factors = [rng.uniform(0.1, 1, (size, rank)).astype(V.dtype) for size in V.shape]

    def ours(backend, update="mu"):
        options = {"beta": 2, "update": update, "backend": backend}
        return lambda: lambda n: ncp(V, rank, init=factors, max_iter=n, **options)

    def tensorly(name):
        def make():
            import tensorly.decomposition as peer
            from tensorly.cp_tensor import CPTensor

            def run(n):
                start = CPTensor((np.ones(rank, V.dtype), [U.copy() for U in factors]))
                return getattr(peer, name)(V, rank, n_iter_max=n, init=start, tol=0)

            return run

        return make

    def nn_fac():
        from nn_fac.ntf import ntf as peer

        return lambda n: peer(
            V,
            rank,
            init="custom",
            factors_0=[U.copy() for U in factors],
            n_iter_max=n,
            tol=0,
            update_rule="mu",
            beta=2,
            sparsity_coefficients=[None] * V.ndim,
            fixed_modes=[],
            normalize=[False] * V.ndim,
        )

    return [
        Contender("musaic_core", "c", ours("c")),
        Contender("musaic_core", "numpy", ours("numpy")),
        Contender("musaic_core", "c, hals", ours("c", "hals")),
        Contender("tensorly", "mu", tensorly("non_negative_parafac")),
        Contender("tensorly", "hals", tensorly("non_negative_parafac_hals")),
        Contender("nn_fac", "mu", nn_fac),
    ]


def deep_contenders(V, ranks) -> list[Contender]:
    """Two layers of a deep NMF for β = 1."""
    rng = np.random.default_rng(0)
    (F, T), (R, S) = V.shape, ranks
    shapes = {
        "templates": (F, R),
        "activations": (R, T),
        "templates 2": (F, S),
        "activations 2": (S, R),
    }
    start = {
        n: rng.uniform(0.1, 1, shape).astype(V.dtype) for n, shape in shapes.items()
    }

    def ours(backend, **options):
        return lambda: (
            lambda n: deep_nmf(
                V, ranks, init=start, max_iter=n, backend=backend, **options
            )
        )

    def nn_fac():
        from nn_fac.deep_nmf import one_step_deep_KL_nmf as step

        X = V.astype(np.float64)
        W, H = (
            [start[f"{kind}{depth}"].astype(np.float64) for depth in ("", " 2")]
            for kind in ("templates", "activations")
        )

        def run(n):
            U, A = [w.copy() for w in W], [h.copy() for h in H]
            for _ in range(n):
                U, A, _ = step(X, U, A, list(ranks), np.ones(2), 1e-6)
            return U, A

        return run

    return [
        Contender("musaic_core", "c", ours("c")),
        Contender("musaic_core", "numpy", ours("numpy")),
        Contender(
            "musaic_core", "c, extrapolated", ours("c", update="mu-extrapolated")
        ),
        Contender("musaic_core", "c, data", ours("c", loss="data")),
        Contender("nn_fac", "float64", nn_fac),
    ]


def batch_contenders(batch, rank, device) -> list[Contender]:
    """Multiplicative updates of many matrices for β = 1, at once where one can."""
    rng = np.random.default_rng(0)
    n, n_bins, n_frames = batch.shape
    W = rng.uniform(0.1, 2, (n, n_bins, rank)).astype(batch.dtype)
    H = rng.uniform(0.1, 2, (n, rank, n_frames)).astype(batch.dtype)

    def ours():
        V, *start = (torch.from_numpy(array).to(device) for array in (batch, W, H))

        def run(n):
            return nmf(V, rank, init=tuple(start), max_iter=n, backend="torch")

        return finished(run, device)

    def torchnmf():
        from torchnmf.nmf import NMF

        starts = [
            [torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in one]
            for one in zip(batch.mT, W, H.mT, strict=True)
        ]

        def run(n):
            for X, W0, H0 in starts:
                model = NMF(W=W0, H=H0).to(device)
                model.fit(X, tol=0, max_iter=n)

        return finished(run, device)

    return [
        Contender("musaic_core", f"torch, {device}", ours),
        Contender("torchnmf", f"float32, {device}", torchnmf),
    ]


def problems(only: str | None = None) -> Iterator[Problem]:
    """The problems, each made when its turn comes."""
    for name, rank, beta in (
        ("kl-nmf-k88", 88, 1),
        ("kl-nmf-k20", 20, 1),
        ("is-nmf-k88", 88, 0),
    ):
        if only in (None, name):
            V = spectrogram()
            yield Problem(name, 4 * V.size * rank, nmf_contenders(V, rank, beta))
    if only in (None, name := "deep-kl-nmf-88-32"):
        V = spectrogram()
        work = 4 * (V.size * 88 + len(V) * 88 * 32)
        yield Problem(name, work, deep_contenders(V, (88, 32)))
    if only in (None, "time-to-kl-k88"):
        yield time_to_divergence(spectrogram(), 88)
    shape, ranks = (80, 96, 100), (32, 24, 12)
    V = np.abs(np.random.default_rng(0).standard_normal(shape)).astype(np.float32)
    for beta in (2, 1):
        if only in (None, name := f"ntd-beta{beta}"):
            if beta == 2:  # the data with the last factor, and with the others
                work = V.size * (ranks[2] + ranks[0]) + V.size // 80 * 32 * ranks[1]
            else:  # a reconstruction and a product back for each block
                work = 2 * V.size * (sum(ranks) + min(ranks))
            yield Problem(name, work, ntd_contenders(V, ranks, beta))
    if only in (None, "ncp-beta2"):
        yield Problem("ncp-beta2", 1.5 * V.size * 32, ncp_contenders(V, 32))
    if only in (None, name := "gpu-kl-nmf-k88-batch"):
        batch, contenders = np.empty(0), []
        if torch.cuda.is_available():
            batch = np.stack([spectrogram(seed=seed) for seed in range(32)])
            contenders = batch_contenders(batch, 88, "cuda")
        yield Problem(name, 4 * batch.size * 88, contenders, "cuda")


def time_to_divergence(V, rank, beta=1) -> Problem:
    """Whole runs, to the divergence that scikit-learn has after 200 updates.

    The other packages' multiplicative updates are the same, and take as many.
    """
    rules = ("hals-mu", "mu-extrapolated")
    contenders = nmf_contenders(V, rank, beta, rules)
    by_name = {f"{c.package} {c.backend}": c for c in contenders}
    try:
        W, H = by_name["sklearn float32"].make()(200)
    except ImportError:
        model = by_name["musaic_core c"].make()(200)
        W, H = model.templates, model.activations
    goal = beta_divergence(V, W @ H, beta)
    fast = [by_name[f"musaic_core c, {rule}"] for rule in rules]
    for contender in fast:
        contender.iterations = iterations_to(goal, V, beta, contender.make())
    kept = [c for c in contenders if c.package in ("sklearn", "torchnmf")]
    for contender in kept:
        contender.iterations = 200
    return Problem("time-to-kl-k88", math.nan, fast + kept)


def iterations_to(goal: float, V, beta, run: Callable) -> int:
    """The iteration of ours that first reaches a divergence."""

    def reached(_, model):
        return beta_divergence(V, model.reconstruct(), beta) <= goal

    return run(400, callback=reached).n_iter


# ---- measurement


def measure(problem: Problem) -> None:
    """Fill in every contender's milliseconds; what cannot run says why.

    An iteration's time is the difference between a long and a short run, so that
    what comes before the first iteration is left out.
    """
    running = []
    for contender in problem.contenders:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = contender.make()
            first = _seconds(lambda run=run: run(2))
            n = contender.iterations or 2 + max(
                3, min(200, math.ceil(2 * SECONDS_A_RUN / first))
            )
            running.append((contender, run, n, []))
        except ImportError as error:
            contender.trouble = f"not installed ({error.name})"
        except Exception as error:
            contender.trouble = f"failed: {type(error).__name__}: {error}"
    for _ in range(ROUNDS):
        for contender, run, n, times in running:
            long = _seconds(lambda run=run, n=n: run(n))
            if contender.iterations is None:
                long = (long - _seconds(lambda run=run: run(2))) / (n - 2)
            times.append(1e3 * long)
    for contender, _, _, times in running:
        contender.milliseconds = float(np.median(times))


def _seconds(function: Callable[[], object]) -> float:
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function()
    return time.perf_counter() - begin


def report(problem: Problem, limit: float) -> list[dict]:
    """Print a problem's table; its records."""
    peers = [
        c.milliseconds
        for c in problem.contenders
        if c.package != "musaic_core" and not c.trouble
    ]
    fastest = min(peers, default=math.nan)
    has_limit = not math.isnan(limit)
    print(f"\n{problem.name}" + (f" (limit {limit:.2f} ms)" if has_limit else ""))
    print("  package      backend           milliseconds  of best peer  of limit")
    for c in sorted(problem.contenders, key=lambda c: (c.trouble, c.milliseconds)):
        if c.trouble:
            print(f"  {c.package:12} {c.backend:16} {c.trouble}")
            continue
        relative = f"{c.milliseconds / limit:9.2f}" if has_limit else ""
        print(
            f"  {c.package:12} {c.backend:16} {c.milliseconds:13.2f} "
            f"{c.milliseconds / fastest:13.2f} {relative}"
        )
    return [
        {
            "problem": problem.name,
            "package": c.package,
            "backend": c.backend,
            "ms": c.milliseconds,
            "limit_ms": limit if has_limit else None,
        }
        for c in problem.contenders
        if not c.trouble
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print; see the module's docstring."""
    parser = argparse.ArgumentParser("tools.speed", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the records there")
    parser.add_argument("--only", metavar="PROBLEM", help="measure one problem")
    options = parser.parse_args(arguments)
    records, known = [], False
    for problem in problems(options.only):
        known = True
        if not problem.contenders:
            print(f"\n{problem.name}: not measured, there is no GPU here")
            continue
        rate = matrix_product_rate(problem.device)
        measure(problem)
        rate = max(rate, matrix_product_rate(problem.device))
        records += report(problem, 1e3 * problem.work / rate)
    if not known:
        parser.error(f"--only {options.only} is not one of the problems")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(records, file, indent=1)


if __name__ == "__main__":
    main()
