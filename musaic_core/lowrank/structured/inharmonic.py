"""Harmonic NMF that finds how far partials are from harmonic, register by register.

The updates, and why they never raise the objective, are derived in
docs/structured_factorizations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

import numpy as np

from musaic_core.lowrank.arrays import copy_like, floating, in_library_of
from musaic_core.lowrank.checks import check_nonnegative, near_one
from musaic_core.lowrank.kernels.arrays import multiply
from musaic_core.lowrank.models import Model, size_of
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.run import minimise
from musaic_core.lowrank.structured.harmonic import HarmonicProblem

__all__ = ["InharmonicNMF", "inharmonic_nmf"]

Array = Any

# power of the longer step that variants try: neighbours look alike, and part slowly
REACH = 10


def inharmonic_nmf(
    V: Array,
    bands: Array,
    registers: Array,
    *,
    init: str | tuple[Array | None, Array | None, Array | None] | Model = "random",
    **options: Unpack[Options],
) -> InharmonicNMF:
    """Factorize with harmonic templates, whose inharmonicity registers share.

    ``V ≈ W H`` with ``w_p = Σ_k Σ_j E[p, k] C[p, j] bands[:, p, k, j]`` and
    ``C = registers @ A``. The bands of a template are given in J variants, such as for
    strings of J stiffnesses, which move partials apart. Which variant sounds is no
    template's own choice: all of a register have the same, A, and between registers
    that overlap it goes over from one to the other. With one variant it is
    `musaic_core.lowrank.harmonic_nmf`. An iteration costs what one of an NMF with P
    templates does, twice its divergence, and 18 F P K J operations.

    Parameters
    ----------
    V : array (F, T)
        Nonnegative; NumPy or PyTorch, on any device. float32 and float64 are kept,
        other dtypes become float64.
    bands : array (F, P, K, J)
        Nonnegative spectra, K for each of P templates, each in J variants.
    registers : array (P, G)
        How much each template belongs to each register, 0 or more; rows are brought to
        sum 1.
    init : "random", three arrays or model, default="random"
        Of envelope, inharmonicity and activations, (P, K), (G, J) and (P, T), some may
        be None: all variants then are as strong, the others are drawn at random. A
        model that this gave goes on from where it is.
    **options : Options
        beta, update, fixed, mask, penalties, data_weights, max_iter, tol, n_starts and
        so on: see `musaic_core.lowrank.options.Options`. The factors are named
        "envelope", "inharmonicity" and "activations", and the updates are "mu" and
        "mu-extrapolated". `Sparsity` counts activations with the length of the
        envelope's row and the mean length of its registers'.

    Returns
    -------
    InharmonicNMF
        Envelope (P, K), inharmonicity (G, J) and activations (P, T).

    Raises
    ------
    ValueError
        Names the argument that is out of range and says what to give.
    TypeError
        Names keyword arguments that are none of those above.

    References
    ----------
    Vincent, Bertin and Badeau, "Adaptive harmonic spectral decomposition for multiple
    pitch estimation", IEEE Transactions on Audio, Speech, and Language Processing 18
    (3), 2010 (one variant). Rigaud, David and Daudet, "A parametric model and
    estimation techniques for the inharmonicity and tuning of the piano", Journal of the
    Acoustical Society of America 133 (5), 2013 (how it goes with pitch).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> registers = np.repeat(np.eye(3), 4, axis=0)  # of four templates each
    >>> model = inharmonic_nmf(
    ...     rng.random((80, 90)), rng.random((80, 12, 4, 5)), registers, seed=0
    ... )
    >>> model.templates.shape, model.inharmonicity.shape, model.activations.shape
    ((80, 12), (3, 5), (12, 90))
    """
    shape = np.shape(V)
    if len(shape) != 2:
        raise ValueError(f"V has {len(shape)} axes; give a matrix (F, T)")
    bands, registers = floating(bands, "bands"), floating(registers, "registers")
    if bands.ndim != 4 or bands.shape[0] != shape[0]:
        raise ValueError(
            f"bands has shape {tuple(bands.shape)}; give one of V's {shape[0]} rows, "
            "the templates, the bands and the variants of each, (F, P, K, J)"
        )
    _, n_templates, n_bands, n_variants = bands.shape
    if registers.ndim != 2 or registers.shape[0] != n_templates:
        raise ValueError(
            f"registers has shape {tuple(registers.shape)}; give one of the "
            f"{n_templates} templates and as many registers as there are, (P, G)"
        )
    check_nonnegative(bands, "bands")
    check_nonnegative(registers, "registers")
    if not (registers.sum(1) > 0).all():
        raise ValueError("registers has a template that is in none; give it one")
    shapes = {
        "envelope": (n_templates, n_bands),
        "inharmonicity": (registers.shape[1], n_variants),
        "activations": (n_templates, shape[1]),
    }
    order = "activations", "envelope", "inharmonicity"
    bands, size = near_one(bands)
    registers = registers / registers.max()  # so that no sum overflows
    registers = registers / registers.sum(1)[:, None]
    given = {"bands": bands, "size": size, "registers": registers}
    return minimise(InharmonicProblem, V, shapes, order, init, given, **options)


@dataclass(eq=False)
class InharmonicNMF(Model):
    """A harmonic NMF whose registers have an inharmonicity each.

    Parameters
    ----------
    bands : array (F, P, K, J)
        The spectra that were given, in J variants.
    registers : array (P, G)
        How much each template belongs to each register, rows of sum 1.
    envelope : array (P, K)
        How much of each band its template has.
    inharmonicity : array (G, J)
        How much of each variant a register has.
    activations : array (P, T)
        How strong each template is in each frame.
    n_iter : int
        Iterations that were run.
    labels : sequence of length P, optional
        What each template stands for.
    """

    bands: Array
    registers: Array
    envelope: Array
    inharmonicity: Array
    activations: Array
    n_iter: int = 0
    labels: Sequence | None = field(default=None, kw_only=True)

    @property
    def templates(self) -> Array:
        """The sums of spectra, (F, P)."""
        variants = self.registers @ self.inharmonicity
        bands = (self.bands * variants[:, None]).sum(-1)
        return (bands * self.envelope).sum(-1)

    @property
    def shape(self) -> tuple[int, int]:
        """The data's shape, (F, T)."""
        return len(self.bands), self.activations.shape[1]

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned."""
        factors = self.envelope, self.inharmonicity, self.activations
        return sum(map(size_of, factors))


class InharmonicProblem(HarmonicProblem):
    """A harmonic NMF whose bands are all variants of all bands, (F, P, K J).

    How much of each it has is a product of two blocks, and linear in each: a block's
    gradient is that by the product, contracted with the other.
    """

    def __init__(self, V, *arguments, bands, size, registers, **options):
        self.of_variants = bands.shape
        flat = bands.reshape(*bands.shape[:2], -1)
        super().__init__(V, *arguments, bands=flat, size=size, **options)
        self.registers = copy_like(registers, V)

    @classmethod
    def start(cls, V, shapes, init, rng, bands, size, registers):
        started = super().start(V, shapes, init, rng, bands, size)
        n_variants = shapes["inharmonicity"][1]
        flat = np.full(shapes["inharmonicity"], 1 / n_variants, V.dtype)
        return started | {"inharmonicity": flat}

    def model(self, factors, n_iter):
        like = factors["envelope"]
        bands = in_library_of(like, self.bands) / self.of_bands
        return InharmonicNMF(
            bands.reshape(self.of_variants),
            in_library_of(like, self.registers),
            **factors,
            n_iter=n_iter,
        )

    def terms(self, name):
        if name == "activations":
            return super().terms(name)
        *parts, _ = super().terms("envelope")
        shares = (part.reshape(-1, *self.of_variants[2:]) for part in parts)
        if name == "envelope":
            variants = self._variants()
            found = ((share * variants[:, None]).sum(-1) for share in shares)
        else:
            envelope = self.blocks["envelope"][:, :, None]
            found = (self.registers.mT @ (share * envelope).sum(1) for share in shares)
        return *found, self.blocks[name]

    def plain_mu(self, name):
        if name != "inharmonicity":
            return super().plain_mu(name)
        *parts, A = self.terms(name)
        short, long = 1 * A, 1 * A
        multiply(short, *parts, self.divergence.exponent)
        with np.errstate(over="ignore", invalid="ignore"):
            multiply(long, *parts, REACH * self.divergence.exponent)
            # which is about shares, and leaves their sum where the short one has it
            long *= (short.sum(1) / (long.sum(1) + (long.sum(1) == 0)))[:, None]
            A[...] = long
            loss = self.data_loss()
        A[...] = short
        if loss < self.data_loss():
            A[...] = long

    def envelope(self):
        product = self.blocks["envelope"][:, :, None] * self._variants()[:, None]
        return product.reshape(len(product), -1)

    def coupling(self, name, lengths):
        of_templates = lengths["inharmonicity"] @ self.registers.mT
        coupled = super().coupling(name, lengths | {"inharmonicity": of_templates})
        return self.registers.mT @ coupled if name == "inharmonicity" else coupled

    def _variants(self):
        """How much of each variant a template has, (P, J)."""
        return self.registers @ self.blocks["inharmonicity"]
