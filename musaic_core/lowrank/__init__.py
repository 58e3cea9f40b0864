"""Nonnegative low-rank models of any array, and how they are fitted; no music in here.

``from musaic_core.lowrank import nmf`` gives the function, and so for the others. The
modules have the rest: `updates`, `problem` and `run` how factors move, `kernels` the
products that this is made of, `options` what all factorizations take.
"""

from musaic_core.lowrank.deep.models import DeepNCP, DeepNMF, DeepNTD
from musaic_core.lowrank.deep.nmf import deep_nmf, multilayer_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.models import NCP, NMF, NTD, Model
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.online import OnlineNCP, OnlineNMF, OnlineNTD
from musaic_core.lowrank.optimality import kkt_residual
from musaic_core.lowrank.options import Options
from musaic_core.lowrank.penalties import (
    MinimumVolume,
    Orthogonality,
    Penalty,
    Smoothness,
    Sparsity,
)
from musaic_core.lowrank.structured.convolutive import ConvolutiveNMF, convolutive_nmf
from musaic_core.lowrank.structured.harmonic import HarmonicNMF, harmonic_nmf

__all__ = [
    "NCP",
    "NMF",
    "NTD",
    "ConvolutiveNMF",
    "DeepNCP",
    "DeepNMF",
    "DeepNTD",
    "HarmonicNMF",
    "MinimumVolume",
    "Model",
    "OnlineNCP",
    "OnlineNMF",
    "OnlineNTD",
    "Options",
    "Orthogonality",
    "Penalty",
    "Smoothness",
    "Sparsity",
    "beta_divergence",
    "convolutive_nmf",
    "deep_ncp",
    "deep_nmf",
    "deep_ntd",
    "harmonic_nmf",
    "kkt_residual",
    "multilayer_nmf",
    "ncp",
    "nmf",
    "ntd",
]
