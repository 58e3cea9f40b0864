"""Deep models keep what is asked for, whatever the data and the depth."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from deep_problems import both_losses, data, every_case, run
from problems import BETAS, every_beta
from solving import plugin

from musaic_core.lowrank.deep.models import DeepNCP, DeepNMF, DeepNTD
from musaic_core.lowrank.deep.nmf import DeepNMFProblem, deep_nmf
from musaic_core.lowrank.deep.tensor import deep_ncp, deep_ntd
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels import kernels_for
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.tasks.dictionary import Dictionary


@both_losses
@every_case
def test_fixed_and_masked_entries_do_not_move(name, layers, loss):
    V = data((7, 6, 8))
    top = "templates" if name == "nmf" else next(iter(layers))
    prefix = "" if name == "nmf" else f"{top} "
    A = data((layers[top][0], {"core": 5, 2: 5}.get(top, 6)), 5)
    deepest = f"{prefix}templates {len(layers[top]) + 1}"
    rows = {"nmf": 7, "ncp": 7, "ntd": 24 if top == "core" else 7}[name]
    mask = np.random.default_rng(0).random((rows, layers[top][-1])) < 0.7
    model = run(
        name,
        V,
        layers,
        loss=loss,
        init={f"{prefix}activations 2": A},
        fixed=(f"{prefix}activations 2",),
        mask={deepest: mask},
        seed=0,
        start_iter=4,
        max_iter=6,
    )
    stack = model.below if name == "nmf" else model.below[top]
    np.testing.assert_array_equal(stack[0].activations, A)
    assert (stack[-1].templates[~mask] == 0).all()
    assert (stack[-1].templates[mask] > 0).any()


def test_a_fixed_dictionary_is_explained_and_not_moved():
    V, W = data((20, 30)), data((20, 6), 1)
    model = deep_nmf(
        V, (6, 3), init={"templates": W}, fixed=("templates",), seed=0, max_iter=20
    )
    np.testing.assert_array_equal(model.templates, W)
    plain = nmf(V, 6, init=(W, None), fixed=("templates",), seed=0, max_iter=70)
    np.testing.assert_allclose(model.activations, plain.activations, 1e-9)
    alone = nmf(W, 3, seed=0, max_iter=70).reconstruct()
    np.testing.assert_allclose(model.below[0].reconstruct(), alone, 1e-9)


@every_case
@both_losses
def test_models_offer_their_members_in_the_datas_library_and_dtype(name, layers, loss):
    V = data((7, 6, 8)).astype(np.float32)
    options = {"loss": loss, "seed": 0, "start_iter": 3, "max_iter": 4}
    expected = run(name, V.astype(float), layers, **options)
    kind = {"nmf": DeepNMF, "ncp": DeepNCP, "ntd": DeepNTD}[name]
    for backend in (None, "torch"):
        model = run(name, torch.from_numpy(V), layers, backend=backend, **options)
        assert type(model) is kind
        for array in (
            model.templates,
            model.activations,
            *(member for m in model.layers for member in (m.templates, m.activations)),
        ):
            assert isinstance(array, torch.Tensor)
            assert array.dtype == torch.float32
        np.testing.assert_allclose(
            model.reconstruct(), expected.reconstruct(), rtol=2e-2, atol=1e-4
        )
        assert model.n_parameters == expected.n_parameters
    shape = (7, -1)
    np.testing.assert_allclose(
        expected.templates @ expected.activations,
        expected.reconstruct().reshape(shape),
    )
    if loss == "data":  # every depth is the same model
        for layer in expected.layers:
            np.testing.assert_allclose(layer.reconstruct(), expected.reconstruct())


def test_parameters_are_counted_once():
    V = data()
    free = deep_nmf(V, (6, 4, 2), seed=0, max_iter=1)
    assert free.n_parameters == 6 * 27 + 4 * 18 + 2 * 16
    assert {layer.n_parameters for layer in free.layers} == {free.n_parameters}
    tied = deep_nmf(V, (6, 4, 2), loss="data", seed=0, max_iter=1)
    assert tied.n_parameters == 6 * 15 + 4 * 6 + 2 * 4 + 12 * 2


def test_updates_of_deep_models_run_on_any_device():
    # as on an accelerator: an operation that is NumPy's fails on such tensors
    device = torch.device("meta")
    blocks = {
        "templates": (6, 4),
        "activations": (4, 5),
        "templates 2": (6, 2),
        "activations 2": (2, 4),
    }
    kernels, V = kernels_for(torch.ones(6, 5, device=device))
    for tied in (False, True):
        names = [n for n in blocks if not (tied and n == "templates")]
        state = DeepNMFProblem(
            V,
            {name: torch.ones(blocks[name], device=device) for name in names},
            {},
            BetaDivergence(1.0),
            kernels,
            None,
            chains={"templates": [("templates 2", "activations 2")]},
            tied=tied,
            weights={"templates": [1.0]},
            moving=names,
        )
        for name in names:
            state.mu(name)
            state.moved(name)
            assert state.blocks[name].device.type == "meta"


def test_silence_and_single_precision_stay_finite():
    V = data((12, 15)).astype(np.float32)
    V[:, :5] = 0
    V[3] = 0
    for loss in ("layers", "data"):
        for beta in BETAS:
            model = deep_nmf(V, (6, 3), beta=beta, loss=loss, seed=0, max_iter=30)
            assert np.isfinite(model.reconstruct()).all()
            assert np.isfinite(model.below[0].reconstruct()).all()
    model = deep_nmf(np.zeros((4, 5)), (3, 2), seed=0, max_iter=5)
    assert np.isfinite(model.reconstruct()).all()


@both_losses
@every_beta
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_that_is_fitted_exactly_from_the_start_stays_finite(loss, beta, dtype):
    for V in (np.ones((1, 1), dtype), np.full((3, 4), 0.1, dtype)):
        for update in ("mu", "mu-extrapolated"):
            options = {"beta": beta, "loss": loss, "update": update, "seed": 0}
            model = deep_nmf(V, (1, 1), max_iter=20, **options)
            for layer in model.layers:
                np.testing.assert_allclose(layer.reconstruct(), V, 1e-3)


def test_stopping_rules_and_seeds():
    V = data()
    one, two = (deep_nmf(V, (5, 2), seed=3, max_iter=9) for _ in range(2))
    np.testing.assert_array_equal(one.templates, two.templates)
    assert one.n_iter == 9
    assert deep_nmf(V, (5, 2), seed=0, max_iter=10**6, tol=1e-2).n_iter % 10 == 0
    assert deep_nmf(V, (5, 2), callback=lambda n, model: n == 4, seed=0).n_iter == 4


# ---- depth


@every_beta
def test_depth_one_of_a_tensor_model_is_the_plain_one(beta):
    V = data((7, 6, 8))
    options = {"beta": beta, "seed": 0, "max_iter": 7}
    factors = [data((n, 4), n) for n in V.shape]
    for fit, plain, rank in ((deep_ncp, ncp, 4), (deep_ntd, ntd, (4, 3, 2))):
        found, expected = fit(V, rank, {}, **options), plain(V, rank, **options)
        np.testing.assert_array_equal(found.reconstruct(), expected.reconstruct())
        assert found.n_parameters == expected.n_parameters
        assert len(found.layers) == 1
    found = deep_ncp(V, 4, {}, init={0: factors[0]}, fixed=(0,), **options)
    np.testing.assert_array_equal(found.factors[0], factors[0])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("dictionary", ["fixed", "adapted", "blind"])
@pytest.mark.parametrize(
    ("name", "modes"),
    [
        ("deep_nmf", None),
        *(("deep_ncp", modes) for modes in ("spectra", "rhythms", "bars", "all")),
        *(
            ("deep_ntd", modes)
            for modes in ("core", "spectra", "rhythms", "bars", "all")
        ),
        ("penalised_deep_nmf", None),
    ],
)
def test_solvers_have_any_depth_on_any_mode(name, modes, dictionary, depth):
    V = data((14, 12, 10)).astype(np.float32)
    templates = data((14, 7), 1).astype(np.float32)
    known = Dictionary(templates, np.arange(7))
    told = SimpleNamespace(
        seed=0,
        dictionary=None if dictionary == "blind" else known,
        frequencies=np.arange(14) * 50.0,
        told_apart=lambda V, W: (V, W, None),  # nothing is
    )
    options = {"depth": depth, "n_iter": 4, "beta": 1}
    if name != "penalised_deep_nmf":
        options["dictionary"] = dictionary
    if "nmf" in name:
        V = V.reshape(14, -1)
        options |= {"rank": 8, "coarse": 4}
    elif name == "deep_ncp":
        options |= {"rank": 8, "coarse": 4, "modes": modes}
    else:
        options |= {"spectra": 8, "rhythms": 6, "bars": 5, "patterns": 3}
        options |= {"weight": 0.1, "modes": modes}
    model = plugin(f"solvers/{name}.py", **options).factorize(V, told)
    assert model.shape == V.shape
    assert np.isfinite(model.reconstruct()).all()
    if name == "penalised_deep_nmf":
        assert len(model.layers) == depth
        return
    assert (model.labels is None) == (dictionary == "blind")
    if dictionary == "fixed":
        np.testing.assert_array_equal(model.templates, templates)
    elif name == "deep_nmf":
        assert len(model.layers) == depth
    elif depth > 1:
        tops = {"spectra": [0], "rhythms": [1], "bars": [2], "core": ["core"]}
        tops["all"] = [0, 1, 2] if name == "deep_ncp" else [0, 1, 2, "core"]
        assert {t: len(layers) for t, layers in model.below.items()} == dict.fromkeys(
            tops[modes], depth - 1
        )
