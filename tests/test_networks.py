"""What docs/models.md says of networks is what they are."""

import re
from functools import partial

import pytest
from conftest import ROOT
from solving import plugin

from musaic_core.learned.bar_autoencoder import BarAutoencoder
from musaic_core.learned.bar_embedding import BarEmbedding
from musaic_core.learned.boundary_cnn import BoundaryCNN
from musaic_core.learned.conv_tasnet import ConvTasNet
from musaic_core.learned.deep_clustering import DeepClustering
from musaic_core.learned.deep_salience import BODIES, DeepSalience
from musaic_core.learned.hft import HFT
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
    told = {row[0]: row for row in rows_after("\n| block | made of |")}
    network = DeepSalience(BANDS, block)
    assert n_parameters(network) == int(told[block][2].replace(",", ""))


SERVED = [(row[0].split(",")[0], row[1]) for row in TOLD.values()]
for row in rows_after("\n| solver | what it is | task |"):
    SERVED += [(name.replace("-", "_"), row[2]) for name in row[0].split(", ")]


@pytest.mark.parametrize(("name", "tasks"), SERVED)
def test_a_solver_serves_the_tasks_that_the_page_says(name, tasks):
    solver = type(plugin(f"solvers/{name}.py"))
    served = [k for k, task in TASKS.items() if solver.mismatch(task) is None]
    assert tasks.split(", ") == served
