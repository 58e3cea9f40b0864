"""Nonnegative low-rank models of any array, and how they are fitted; no music in here.

``from musaic_core.lowrank import nmf`` gives the function, and so for the others. The
modules have the rest: `updates`, `problem` and `run` how factors move, `kernels` the
products that this is made of, `options` what all factorizations take.
"""

from musaic_core.lowrank.ard import ARDNMF, ard_nmf
from musaic_core.lowrank.decay import Decay
from musaic_core.lowrank.deep.models import DeepNCP, DeepNMF, DeepNTD
from musaic_core.lowrank.deep.nmf import deep_nmf, multilayer_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.group_sparsity import GroupSparsity
from musaic_core.lowrank.harmonicity import Harmonicity, harmonic_combs
from musaic_core.lowrank.matching import (
    Chance,
    Consensus,
    align,
    chance_match,
    consensus,
    factor_match,
)
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
from musaic_core.lowrank.selection import (
    CrossValidation,
    cross_validate_rank,
    held_out_divergence,
)
from musaic_core.lowrank.separable import snpa, spa
from musaic_core.lowrank.stability import (
    RankStability,
    consensus_matrix,
    cophenetic_correlation,
    dispersion,
    rank_stability,
)
from musaic_core.lowrank.structured.columns import (
    ConvexNMF,
    SeparableNMF,
    convex_nmf,
    separable_nmf,
)
from musaic_core.lowrank.structured.complex_isnmf import ComplexISNMF, complex_isnmf
from musaic_core.lowrank.structured.complex_nmf import ComplexNMF, complex_nmf
from musaic_core.lowrank.structured.convolutive import ConvolutiveNMF, convolutive_nmf
from musaic_core.lowrank.structured.filtered import FilteredNMF, filtered_nmf
from musaic_core.lowrank.structured.full_rank import FullRankNMF, full_rank_nmf
from musaic_core.lowrank.structured.harmonic import HarmonicNMF, harmonic_nmf
from musaic_core.lowrank.structured.inharmonic import InharmonicNMF, inharmonic_nmf
from musaic_core.lowrank.structured.multichannel import (
    MultichannelNMF,
    multichannel_nmf,
)
from musaic_core.lowrank.structured.orthogonal import OrthogonalNMF, orthogonal_nmf
from musaic_core.lowrank.structured.phase_unwrapping import PhaseUnwrapping
from musaic_core.lowrank.structured.robust import RobustNMF, robust_nmf
from musaic_core.lowrank.structured.semi_supervised import (
    SemiSupervisedNMF,
    semi_supervised_nmf,
)
from musaic_core.lowrank.structured.shift_invariant import (
    ShiftInvariantNMF,
    shift_invariant_nmf,
)
from musaic_core.lowrank.structured.source_filter import (
    SourceFilterNMF,
    source_filter_nmf,
)
from musaic_core.lowrank.structured.transform_learning import (
    TransformNMF,
    transform_nmf,
)

__all__ = [
    "ARDNMF",
    "NCP",
    "NMF",
    "NTD",
    "Chance",
    "ComplexISNMF",
    "ComplexNMF",
    "Consensus",
    "ConvexNMF",
    "ConvolutiveNMF",
    "CrossValidation",
    "Decay",
    "DeepNCP",
    "DeepNMF",
    "DeepNTD",
    "FilteredNMF",
    "FullRankNMF",
    "GroupSparsity",
    "HarmonicNMF",
    "Harmonicity",
    "InharmonicNMF",
    "MinimumVolume",
    "Model",
    "MultichannelNMF",
    "OnlineNCP",
    "OnlineNMF",
    "OnlineNTD",
    "Options",
    "OrthogonalNMF",
    "Orthogonality",
    "Penalty",
    "PhaseUnwrapping",
    "RankStability",
    "RobustNMF",
    "SemiSupervisedNMF",
    "SeparableNMF",
    "ShiftInvariantNMF",
    "Smoothness",
    "SourceFilterNMF",
    "Sparsity",
    "TransformNMF",
    "align",
    "ard_nmf",
    "beta_divergence",
    "chance_match",
    "complex_isnmf",
    "complex_nmf",
    "consensus",
    "consensus_matrix",
    "convex_nmf",
    "convolutive_nmf",
    "cophenetic_correlation",
    "cross_validate_rank",
    "deep_ncp",
    "deep_nmf",
    "deep_ntd",
    "dispersion",
    "factor_match",
    "filtered_nmf",
    "full_rank_nmf",
    "harmonic_combs",
    "harmonic_nmf",
    "held_out_divergence",
    "inharmonic_nmf",
    "kkt_residual",
    "multichannel_nmf",
    "multilayer_nmf",
    "ncp",
    "nmf",
    "ntd",
    "orthogonal_nmf",
    "rank_stability",
    "robust_nmf",
    "semi_supervised_nmf",
    "separable_nmf",
    "shift_invariant_nmf",
    "snpa",
    "source_filter_nmf",
    "spa",
    "transform_nmf",
]
