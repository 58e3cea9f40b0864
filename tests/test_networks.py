"""What docs/models.md says of networks is what they are."""

import re
from functools import partial
from itertools import chain

import pytest
import torch
from conftest import ROOT
from solving import plugin
from torch import nn

from musaic_core.learned.bar_autoencoder import BarAutoencoder
from musaic_core.learned.bar_embedding import BarEmbedding
from musaic_core.learned.boundary_cnn import BoundaryCNN
from musaic_core.learned.conv_tasnet import ConvTasNet
from musaic_core.learned.deep_clustering import DeepClustering
from musaic_core.learned.deep_salience import BODIES, DeepSalience
from musaic_core.learned.downbeats import DownbeatTCN
from musaic_core.learned.hft import HFT, _Attention
from musaic_core.learned.note_cnn import NoteCNN
from musaic_core.learned.onsets_and_frames import OnsetsAndFrames
from musaic_core.learned.open_unmix import OpenUnmix
from musaic_core.learned.unet import ComplexUNet, UNet
from musaic_core.learned.wave_unet import WaveUNet
from musaic_core.tasks.factorization.task import Approximation
from musaic_core.tasks.separation.task import Separation
from musaic_core.tasks.steering.task import Steering
from musaic_core.tasks.structure.task import Structure
from musaic_core.tasks.transcription.spectrogram import band_frequencies
from musaic_core.tasks.transcription.task import Transcription

BANDS, STEMS = band_frequencies(), 4
BUILT = {
    "note_cnn": partial(NoteCNN, BANDS),
    "deep_salience": partial(DeepSalience, BANDS),
    "onsets_and_frames": partial(OnsetsAndFrames, BANDS),
    "hft": partial(HFT, BANDS),
    "unet": partial(UNet, Separation.frequencies, STEMS),
    "unet, complex masks": partial(ComplexUNet, STEMS),
    "open_unmix": partial(OpenUnmix, Separation.frequencies, STEMS),
    "deep_clustering": partial(DeepClustering, Separation.frequencies, STEMS),
    "conv_tasnet": partial(ConvTasNet, STEMS),
    "wave_unet": partial(WaveUNet, STEMS),
    "boundary_cnn": BoundaryCNN,
    "bar_embedding": partial(BarEmbedding, 80),
    "bar_autoencoder": partial(BarAutoencoder, 80 * 96),
}
TASKS = {
    "amt": Transcription,
    "mss": Separation,
    "steering": Steering,
    "msa": Structure,
    "factorization": Approximation,
}
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def rows_after(head):
    """The rows of the table that begins with this line, without backquotes."""
    table = PAGE.split(head)[1].split("\n\n")[0].replace("`", "")
    return [
        [c.strip() for c in line.split("|")[1:-1]] for line in table.splitlines()[2:]
    ]


def n_parameters(network):
    return sum(p.numel() for p in network.parameters())


TOLD = {row[0]: row for row in rows_after("\n| solver | task | parameters |")}


def test_the_table_of_networks_has_each():
    assert TOLD.keys() == BUILT.keys()


@pytest.mark.parametrize("name", BUILT)
def test_a_network_has_as_many_parameters_as_the_page_says(name):
    number = re.search(r"\d[\d,]{3,}", TOLD[name][2])[0]
    assert n_parameters(BUILT[name]()) == int(number.replace(",", ""))


@pytest.mark.parametrize("block", BODIES)
def test_a_block_has_as_many_parameters_as_the_page_says(block):
    told = {row[0]: row for row in rows_after("\n| block | parameters |")}
    network = DeepSalience(BANDS, block)
    assert n_parameters(network) == int(told[block][1].replace(",", ""))


SERVED = [(row[0].split(",")[0], row[1]) for row in TOLD.values()]
for row in rows_after("\n| solver | what it is | task |"):
    SERVED += [(name.replace("-", "_"), row[2]) for name in row[0].split(", ")]


@pytest.mark.parametrize(("name", "tasks"), SERVED)
def test_a_solver_serves_the_tasks_that_the_page_says(name, tasks):
    solver = type(plugin(f"solvers/{name}.py"))
    served = [k for k, task in TASKS.items() if solver.mismatch(task) is None]
    assert tasks.split(", ") == served


def without_body():
    network = DeepSalience(BANDS)
    network.layers[2] = nn.Identity()  # its blocks are drawn apart
    return network


DRAWN = BUILT | {f"{name} blocks": body for name, body in BODIES.items()}
DRAWN |= {"deep_salience": without_body, "downbeats": DownbeatTCN}
DRAWN["attention"] = partial(_Attention, 88)
FENCES = re.findall(r"```text\n(.*?)\n```", PAGE, re.DOTALL)
DRAWINGS = {
    re.match(r"[╭ ] (.*?):", drawing)[1]: drawing.splitlines()
    for drawing in chain(*(fence.split("\n\n") for fence in FENCES))
}
# What drawings call all that has parameters, and activations that are always layers;
# rectifiers and pooling, which are functions in places, are not compared.
NAMES = {
    nn.BatchNorm1d: "BN",
    nn.BatchNorm2d: "BN",
    nn.LayerNorm: "LN",
    nn.GroupNorm: "GN",
    nn.Linear: "dense",
    nn.PReLU: "PReLU",
    nn.LeakyReLU: "LeakyReLU",
    nn.ELU: "ELU",
    nn.GELU: "GELU",
    nn.Tanh: "tanh",
    nn.Dropout: "dropout",
    _Attention: "attention",
}
LAYER = re.compile(
    r"(?:depthwise )?\bt?conv [\d×]+(?: (?:stride|dilated) [\d×]+)*"
    r"|bidirectional \d+-layer \w+ of \d+|\b(?:" + "|".join({*NAMES.values()}) + r")\b"
)


def in_words(layer):
    """A layer as drawings have it."""
    if isinstance(layer, nn.RNNBase):
        way = "bidirectional " if layer.bidirectional else ""
        return f"{way}{layer.num_layers}-layer {layer.mode} of {layer.hidden_size}"
    if not hasattr(layer, "kernel_size"):
        return NAMES[type(layer)]
    words = "depthwise " if layer.groups > 1 else ""
    words += "tconv " if layer.transposed else "conv "
    words += "×".join(map(str, layer.kernel_size))
    for how, steps in (("stride", layer.stride), ("dilated", layer.dilation)):
        words += f" {how} " + "×".join(map(str, steps)) if max(steps) > 1 else ""
    return words


def layers(network):
    """Those that drawings name, wherever they are."""
    for child in network.children():
        if type(child) in NAMES or list(child.parameters(recurse=False)):
            yield child
        else:
            yield from layers(child)


def passed(drawing):
    """A drawing's lines, those of a block as often as its first line says."""
    block = None
    for line in drawing:
        if line[0] == "╭":
            block = []
        if block is None:
            yield line
            continue
        block.append(line)
        if line[0] == "╰":
            name, values = re.search(r"for (\w) = ([\d, ]*\d)", block[0]).groups()
            for value in values.split(", "):
                for each in block:
                    each = re.sub(rf"\b{name}\b", value, each)
                    yield re.sub(r" dilated [1×]+(?![\d×])", "", each)
            block = None


def without_ones(shape):
    return tuple(int(n) for n in shape if n != 1)


def test_each_network_is_drawn():
    assert DRAWINGS.keys() == DRAWN.keys()


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_has_the_layers_and_shapes_of_its_network(name):
    first, *lines = passed(DRAWINGS[name])
    sizes = {"T": 112, "n": 88, "N": 3072}  # of any length that is not another size

    def number(text):
        return eval(text.replace("×", "*"), sizes.copy())

    def shape(line):
        return without_ones(map(number, re.search(r"\[(.*?)\]", line)[1].split(",")))

    if told := re.search("N = (.*)", first):
        sizes["N"] = number(told[1])
    network, made = DRAWN[name]().eval(), []

    def note(layer, _, output):
        output = output[0] if isinstance(output, tuple) else output
        made.append((in_words(layer), without_ones(output.shape)))

    def take(names):
        """Go past these layers; the shape that the last of them makes."""
        taken = [made.pop(0) for _ in names]
        assert [name for name, _ in taken] == names
        return taken[-1][1]

    for layer in layers(network):
        layer.register_forward_hook(note)
    with torch.no_grad():
        output = network(torch.rand(1, *shape(first)))
    assert without_ones(output.shape) == shape(lines[-1])
    names = []
    for k, line in enumerate(lines):
        if "⋮" in line:  # more of the same, up to the line after
            while made[len(names) - 1][1] != shape(lines[k + 1]):
                take(names)
        elif names := LAYER.findall(line.split("[")[0]):
            assert take(names) == shape(line), line
    assert not made
