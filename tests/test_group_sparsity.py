"""Group sparsity: what it is worth, descent, its limits, and which groups it leaves."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from problems import BETAS, data

from musaic_core.lowrank import (
    GroupSparsity,
    Sparsity,
    beta_divergence,
    convolutive_nmf,
    deep_nmf,
    filtered_nmf,
    harmonic_nmf,
    ncp,
    nmf,
    ntd,
    semi_supervised_nmf,
    shift_invariant_nmf,
)
from musaic_core.lowrank.divergence import BetaDivergence
from musaic_core.lowrank.kernels.arrays import ArrayKernels
from musaic_core.lowrank.nmf import NMFProblem

GROUPS = ["a", "b", "a", "c", "b", "b"]
MEMBERS = [[0, 2], [1, 4, 5], [3]]
BANDS = np.random.default_rng(1).random((12, 6, 3))
FIT = {
    "nmf": lambda V, **o: nmf(V, 6, **o),
    "ncp": lambda V, **o: ncp(V.reshape(12, 5, 4), 6, **o),
    "convolutive": lambda V, **o: convolutive_nmf(V, 6, 3, **o),
    "harmonic": lambda V, **o: harmonic_nmf(V, BANDS, **o),
    "filtered": lambda V, **o: filtered_nmf(V, BANDS, BANDS[:, 0], **o),
    "semi-supervised": lambda V, **o: semi_supervised_nmf(V, BANDS[:, :3, 0], 3, **o),
    "one free": lambda V, **o: semi_supervised_nmf(V, BANDS[:, :5, 0], 1, **o),
    "deep": lambda V, **o: deep_nmf(V, (6, 3), weights=[0.5], start_iter=2, **o),
}


def worth(lengths, H, level):
    """Σ log(1 + Σ ‖w_k‖ h_kt / a), group by group."""
    return sum(
        np.log(1 + (lengths[rows, None] * H[rows]).sum(0) / level).sum()
        for rows in MEMBERS
    )


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("scale", [1.0, 2.0**-9, 2.0**40])
def test_it_is_what_the_paper_defines_at_any_scale(beta, scale):
    V, weight = scale * data(), 0.7 * scale**beta
    penalty = GroupSparsity(weight, GROUPS, 0.3 * scale)
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    model = nmf(V, 6, penalties={"activations": penalty}, **options)
    W, H = model.templates, model.activations
    expected = beta_divergence(V, W @ H, beta)
    expected += weight * worth(np.linalg.norm(W, axis=0), H, 0.3 * scale)
    assert model.objective == pytest.approx(expected)
    at_one = GroupSparsity(0.7, GROUPS, 0.3)
    same = nmf(data(), 6, penalties={"activations": at_one}, **options)
    np.testing.assert_allclose(W @ H / scale, same.reconstruct(), 1e-6)


def test_single_precision_counts_what_is_far_below_the_level():
    V, penalty = data().astype(np.float32), GroupSparsity(1e9, GROUPS, 1e9)
    options = {"penalties": {"activations": penalty}, "seed": 0, "max_iter": 20}
    single = nmf(V, 6, history=True, **options)
    double = nmf(V.astype(float), 6, history=True, **options)
    np.testing.assert_allclose(single.history, double.history, 1e-3)
    assert np.diff(single.history).max() <= 1e-5 * single.history[0]


@pytest.mark.parametrize("block", ["templates", "activations"])
@pytest.mark.parametrize("of", ["templates", "activations"])
def test_the_gradient_is_that_of_finite_differences(block, of):
    rng = np.random.default_rng(0)
    blocks = {"templates": rng.random((12, 6)), "activations": rng.random((6, 20))}
    penalties = {of: [GroupSparsity(5.0, GROUPS, 0.2)]}
    common = data(), blocks, {}, BetaDivergence(1, 0.0), ArrayKernels()
    state = NMFProblem(*common, penalties)
    minus, plus, B = state.gradient(block)
    for k, n in ((0, 0), (3, 7), (5, 11)):
        losses, here = [], B[k, n]
        for move in (1e-6, -1e-6):
            B[k, n] = here + move
            losses.append(state.loss())
        B[k, n] = here
        slope = (losses[0] - losses[1]) / 2e-6
        assert (plus - minus)[k, n] == pytest.approx(slope, rel=1e-5, abs=1e-6)


@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(list(FIT)),
    beta=st.sampled_from(BETAS),
    weight=st.sampled_from([0.01, 1.0, 100.0]),
    level=st.sampled_from([1e-3, 1.0, 1e3]),
    held=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    seed=st.integers(0, 2**31),
)
def test_the_objective_never_rises(name, beta, weight, level, held, dtype, seed):
    block = 2 if name == "ncp" else "activations"
    history = FIT[name](
        data(seed=seed).astype(dtype),
        beta=beta,
        penalties={block: GroupSparsity(weight, GROUPS, level)},
        fixed=(0,) if held and name == "ncp" else (),
        seed=seed,
        max_iter=12,
        history=True,
    ).history
    precision = 1e-5 if dtype == np.float32 else 1e-9
    assert np.diff(history).max() <= precision * np.abs(history).max()


@pytest.mark.parametrize("beta", BETAS)
def test_weight_zero_is_the_plain_model(beta):
    options = {"beta": beta, "seed": 0, "max_iter": 5}
    penalties = {"activations": GroupSparsity(0, GROUPS, 1.0)}
    model = nmf(data(), 6, penalties=penalties, **options)
    plain = nmf(data(), 6, **options)
    np.testing.assert_array_equal(model.activations, plain.activations)


@pytest.mark.parametrize("beta", [0, 1, 2])
def test_far_below_its_level_it_is_an_l1_norm(beta):
    # log(1 + x / a) is x / a there: `Sparsity` of the weight over the level
    found, expected = (
        nmf(data(), 6, beta=beta, penalties={"activations": p}, seed=0, max_iter=30)
        for p in (GroupSparsity(0.5 * 1e7, GROUPS, 1e7), Sparsity(0.5))
    )
    np.testing.assert_allclose(found.reconstruct(), expected.reconstruct(), 1e-4)


def test_a_group_that_is_not_there_falls_silent_and_the_others_stay_whole():
    # each of four notes has three entries that are alike; two notes sound, as mixtures
    rng = np.random.default_rng(0)
    notes = rng.gamma(0.3, 1, (40, 4))
    W = np.repeat(notes, 3, 1) * rng.gamma(8, 1 / 8, (40, 12))
    H = np.zeros((12, 60))
    H[[0, 1, 3, 5]] = rng.gamma(1, 1, (4, 60)) + 0.2
    V = (W @ H) * rng.gamma(10, 1 / 10, (40, 60)) + 1e-3
    labels, held = np.repeat(range(4), 3), {"fixed": ("templates",), "max_iter": 300}

    def shares(**options):
        model = nmf(V, 12, init=(W, None), seed=0, **held, **options)
        heard = model.loudness().reshape(4, 3, 60)
        absent = heard[2:].sum() / heard.sum()
        return absent, (heard[:2].sum(2) > 0.02 * heard[:2].sum((1, 2))[:, None]).sum()

    plain, _ = shares()
    absent, n_members = shares(
        penalties={"activations": GroupSparsity(3.0, labels, 0.3)}
    )
    assert absent < 0.1 * plain
    assert n_members >= 4  # both notes keep the entries that they are mixtures of


def test_tensors_and_silence():
    penalties = {"activations": GroupSparsity(0.5, GROUPS, 0.1)}
    options = {"penalties": penalties, "seed": 0, "max_iter": 10}
    expected = nmf(data(), 6, **options).reconstruct()
    found = nmf(torch.from_numpy(data()), 6, **options).reconstruct()
    np.testing.assert_allclose(found, expected, 1e-8)
    V = data().astype(np.float32)
    V[:, :5] = 0
    for beta in BETAS:
        assert np.isfinite(nmf(V, 6, beta=beta, **options).reconstruct()).all()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"groups": []}, "groups"),
        ({"groups": 3}, "groups"),
        ({"level": 0}, "level"),
        ({"level": float("nan")}, "level"),
        ({"level": True}, "level"),
        ({"weight": -1}, "weight"),
    ],
)
def test_bad_arguments_are_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        GroupSparsity(**{"weight": 1.0, "groups": [0, 1], "level": 1.0, **arguments})


def test_models_that_have_no_such_components_are_named():
    penalty = GroupSparsity(1.0, GROUPS, 1.0)
    with pytest.raises(ValueError, match="GroupSparsity of 6 components"):
        nmf(data(), 5, penalties={"activations": penalty})
    with pytest.raises(ValueError, match="GroupSparsity"):
        shift_invariant_nmf(data(), 2, [0, 1, 2], penalties={"impulses": penalty})
    for mode in (0, "core"):
        with pytest.raises(ValueError, match="GroupSparsity"):
            ntd(data().reshape(12, 5, 4), (6, 3, 3), penalties={mode: penalty})
    below = {"activations 2": GroupSparsity(1.0, [0, 1, 1], 1.0)}
    with pytest.raises(ValueError, match="GroupSparsity"):
        deep_nmf(data(), (6, 3), loss="data", penalties=below)
