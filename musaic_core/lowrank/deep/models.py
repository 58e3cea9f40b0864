"""What the deep factorizations give back."""

from __future__ import annotations

from dataclasses import dataclass, field

from musaic_core.lowrank.models import NCP, NMF, NTD, size_of

__all__ = ["DeepNCP", "DeepNMF", "DeepNTD", "Layer", "pack_layers"]


@dataclass(eq=False)
class Layer(NMF):
    """One depth of a deep model, seen as an NMF of the data.

    Parameters
    ----------
    templates : array (F, C)
        One spectrum a column.
    activations : array (C, T)
        The product of those above.
    n_iter : int
        Iterations that were run.
    n_parameters : int
        Numbers that the whole model is made of.
    shape : tuple of int
        The data's.
    labels : sequence of length C, optional
        What each component stands for.
    """

    n_parameters: int = 0
    shape: tuple[int, ...] = ()


@dataclass(eq=False)
class DeepNMF(NMF):
    """An NMF whose templates are explained by layers below.

    Parameters
    ----------
    templates : array (F, C)
        Of the NMF of the data, the finest layer.
    activations : array (C, T)
        Of the same.
    n_iter : int
        Iterations that were run; those of the start are not counted.
    below : list of NMF
        The first factorizes the templates, ``templates ≈ W_2 A_2``, the next one W_2,
        and so on. Column k of A_2 says what template k is made of.
    tied : bool
        Whether the templates are the product of what is below, and not compared
        with it.
    weights : list of float, optional
        ρ of each layer below in the objective that was minimised; None if tied.
    labels : sequence of length C, optional
        What each component of the finest layer stands for.
    """

    below: list[NMF] = field(default_factory=list)
    tied: bool = False
    weights: list[float] | None = None

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth: ``V ≈ W_l (A_l … A_2 H)``, the finest first."""
        return _at_every_depth(self, self.below)

    @property
    def n_parameters(self) -> int:
        """Numbers that the factors and layers are made of, each counted once."""
        return size_of(self.activations) + _stack_size(
            self.templates, self.below, self.tied
        )


@dataclass(eq=False)
class DeepNCP(NCP):
    """An NCP with layers below the factors of some modes.

    Parameters
    ----------
    cp : tensorly.cp_tensor.CPTensor
        The NCP of the data.
    n_iter : int
        Iterations that were run; those of the start are not counted.
    below : dict of int to list of NMF
        By mode: the first factorizes the mode's factor, ``U ≈ U_2 A_2``, the next one
        U_2, and so on.
    tied : bool
        Whether those factors are the product of what is below.
    weights : dict of list of float, optional
        By mode, ρ of each layer below in the objective that was minimised; None if
        tied.
    labels : sequence of length C, optional
        What each component of the finest layer stands for.
    """

    below: dict[int, list[NMF]] = field(default_factory=dict)
    tied: bool = False
    weights: dict[int, list[float]] | None = None

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth of the frequency mode, seen as an NMF."""
        return _at_every_depth(self, self.below.get(0, []))

    @property
    def n_parameters(self) -> int:
        """Numbers that the factors and layers are made of, each counted once."""
        return sum(
            _stack_size(factor, self.below.get(mode, []), self.tied)
            for mode, factor in enumerate(self.factors)
        )


@dataclass(eq=False)
class DeepNTD(NTD):
    """An NTD with layers below the factors of some modes or below its core.

    Parameters
    ----------
    tucker : tensorly.tucker_tensor.TuckerTensor
        The NTD of the data.
    n_iter : int
        Iterations that were run; those of the start are not counted.
    below : dict of int or "core" to list of NMF
        By mode: the first factorizes the mode's factor, the next one its templates,
        and so on. Below the core, its unfolding (R_1 … R_N-1, R_N) whose columns are
        the patterns of the last mode.
    tied : bool
        Whether those factors are the product of what is below.
    weights : dict of list of float, optional
        By mode, ρ of each layer below in the objective that was minimised; None if
        tied.
    labels : sequence of length C, optional
        What each component of the finest layer stands for.
    """

    below: dict[int | str, list[NMF]] = field(default_factory=dict)
    tied: bool = False
    weights: dict[int | str, list[float]] | None = None

    @property
    def layers(self) -> list[Layer]:
        """The data at every depth of the frequency mode, seen as an NMF."""
        return _at_every_depth(self, self.below.get(0, []))

    @property
    def n_parameters(self) -> int:
        """Numbers that the factors and layers are made of, each counted once."""
        blocks = [*enumerate(self.factors), ("core", self.core)]
        return sum(
            _stack_size(block, self.below.get(name, []), self.tied)
            for name, block in blocks
        )


def pack_layers(problem, factors):
    """The layers below each factor as NMFs, the upper one first."""
    packed = {}
    for top, chain in problem.chains.items():
        layers = []
        for W, A in reversed(chain):
            templates = factors[W] if W in factors else layers[0].reconstruct()
            layers.insert(0, NMF(templates, factors[A]))
        packed[top] = layers
    return packed


def _at_every_depth(model, below):
    about = model.n_iter, model.n_parameters, model.shape
    activations = model.activations
    layers = [Layer(model.templates, activations, *about, labels=model.labels)]
    for layer in below:
        activations = layer.activations @ activations
        layers.append(Layer(layer.templates, activations, *about, labels=layer.labels))
    return layers


def _stack_size(block, below, tied):
    """Numbers in a factor and its layers; what is tied follows from the deepest."""
    if not below:
        return size_of(block)
    free = [below[-1].templates] if tied else [block, *(nmf.templates for nmf in below)]
    return sum(map(size_of, free)) + sum(size_of(nmf.activations) for nmf in below)
