"""Learning from a stream: what it reaches, what it keeps, what it refuses."""

import tracemalloc
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import reference_factorization as reference
import torch
from conftest import MINI
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import BETAS, every_beta
from sklearn.decomposition import MiniBatchNMF
from solving import plugin, solve

from musaic_core.benchmark import solver as benchmark
from musaic_core.data.corpus import read_corpus
from musaic_core.data.recording import Track
from musaic_core.lowrank.divergence import beta_divergence
from musaic_core.lowrank.ncp import ncp
from musaic_core.lowrank.nmf import nmf
from musaic_core.lowrank.ntd import ntd
from musaic_core.lowrank.online import OnlineNCP, OnlineNMF, OnlineNTD
from musaic_core.lowrank.starts import data_templates
from musaic_core.tasks.bars import resampling
from musaic_core.tasks.transcription.scores import transcription_scores
from musaic_core.tasks.transcription.task import Transcription

every_model = pytest.mark.parametrize(
    ("model", "shape"),
    [
        (partial(OnlineNMF, 4), (30,)),
        (partial(OnlineNCP, 4), (15, 6)),
        (partial(OnlineNTD, (4, 4, 4)), (15, 6)),
        (partial(OnlineNMF, 6, layers=(5, 4)), (30,)),
        (partial(OnlineNCP, 6, layers={0: (4,), 1: (4,)}), (15, 6)),
        (partial(OnlineNTD, (5, 4, 4), layers={0: (4,)}), (15, 6)),
    ],
    ids=["nmf", "ncp", "ntd", "deep nmf", "deep ncp", "deep ntd"],
)


def recordings(shape, n=5, n_columns=40, seed=0):
    """Arrays that share three rank-one patterns, each with columns of its own."""
    rng = np.random.default_rng(seed)
    patterns = [rng.gamma(0.5, 1, (size, 3)) + 0.01 for size in shape]
    shared = patterns[0]
    for factor in patterns[1:]:
        shared = shared[..., None, :] * factor
    return [shared @ rng.gamma(0.5, 1, (3, n_columns)) + 1e-3 for _ in range(n)]


# ---- what one mini-batch does


@every_beta
def test_the_first_mini_batch_takes_the_references_step(beta):
    V = recordings((30,))[0]
    W = np.random.default_rng(1).random((30, 4)) + 0.1
    model = OnlineNMF(4, beta=beta, init=[W], n_inner=30)
    model.partial_fit(0 * V)  # silence teaches nothing
    H = model._inferred(V, 30).blocks["activations"]
    model.partial_fit(V)
    expected = reference.mu_step(V.T, H.T, W.T, beta).T
    np.testing.assert_allclose(model.shared["templates"], expected, 1e-6)


@every_beta
def test_what_is_kept_of_the_past_is_its_surrogate(beta):
    """Without forgetting, the second step minimises the sum of two majorizations."""
    first, second = recordings((12,), 2)
    W0 = np.random.default_rng(1).random((12, 3)) + 0.1
    model = OnlineNMF(3, beta=beta, init=[W0], forgetting=0)
    model.partial_fit(first)
    W1 = model.shared["templates"].copy()
    model.partial_fit(second)
    W2 = model.shared["templates"]

    def majorization(W, V, at):
        """Févotte and Idier 2011, table 1, of the templates; constants left out."""
        learner = OnlineNMF(3, beta=beta, init=[at])
        H = learner._inferred(V, learner.n_inner).blocks["activations"]
        P, Q = reference.gradient_parts(V.T, H.T, at.T, beta)
        t, p, q = W / at, max(beta, 1), min(beta - 1, 1)
        falls = np.log(t) if q == 0 else (t**q - 1) / q
        return np.sum(at * Q.T * t**p / p - at * P.T * falls)

    def total(W):
        return majorization(W, first, W0) + majorization(W, second, W1)

    lowest = total(W2)
    rng = np.random.default_rng(2)
    for size in (1e-3, 1e-2, 0.3):
        for _ in range(5):
            assert total(W2 * np.exp(size * rng.normal(size=W2.shape))) > lowest


@settings(deadline=None, max_examples=20, database=None)
@given(beta=st.sampled_from(BETAS), power=st.integers(-12, 12), seed=st.integers(0, 99))
def test_templates_do_not_depend_on_the_scale_of_the_data(beta, power, seed):
    stream = recordings((12,), 2, 20, seed)
    model = OnlineNMF(3, beta=beta, seed=0, batch_size=10)
    templates = model.fit(stream).templates
    scaled = model.fit([2.0**power * V for V in stream]).templates
    np.testing.assert_allclose(scaled, templates, 1e-5, 1e-9)


@every_beta
@every_model
def test_silent_columns_and_rows_leave_all_numbers_finite(model, shape, beta):
    stream = [V.astype(np.float32) for V in recordings(shape, 3)]
    for V in stream:
        V[0] = 0
        V[..., :20] = 0
    learned = model(beta=beta, seed=0, batch_size=8).fit(stream, 2)
    for factor in learned.shared.values():
        assert np.isfinite(factor).all()
        assert (factor >= 0).all()
    assert np.isfinite(learned.transform(stream[0]).reconstruct()).all()


@every_model
def test_tensors_of_torch_give_the_numbers_of_numpy(model, shape):
    stream = recordings(shape, 2)
    learned = model(beta=1, seed=0, batch_size=16, backend="torch")
    found = learned.fit([torch.from_numpy(V) for V in stream])
    again = found.transform(torch.from_numpy(stream[0])).reconstruct()
    assert isinstance(again, torch.Tensor)
    expected = model(beta=1, seed=0, batch_size=16).fit(stream)
    np.testing.assert_allclose(again, expected.transform(stream[0]).reconstruct(), 1e-5)


# ---- what it reaches


@every_model
@pytest.mark.parametrize("beta", [0, 1, 2])
def test_shared_patterns_are_recovered(model, shape, beta):
    *stream, new = recordings(shape, n_columns=100)

    def left(seed):
        learned = model(beta=beta, seed=seed, batch_size=20, n_inner=20)
        before = learned._inferred(new, 300).loss()
        learned.fit(stream, 20)
        after = learned.transform(new, 300).reconstruct()
        return beta_divergence(new, after, beta) / before

    # layers and cores have local minima, where some starts end
    assert np.median([left(seed) for seed in range(3)]) < 0.02


def test_templates_of_layers_are_their_product():
    stream = recordings((30,))
    learned = OnlineNMF(6, layers=(5, 4), seed=0).fit(stream)
    found = learned.transform(stream[0])
    assert [layer.templates.shape[1] for layer in found.layers] == [6, 5, 4]
    sums = found.templates.sum(0)
    np.testing.assert_allclose(learned.templates, found.templates / sums)


@pytest.fixture(scope="module")
def piano():
    """Spectrograms of the corpus's piano training recordings, and templates."""
    task = Transcription(read_corpus(MINI / "piano" / "train-seen"), [])
    stream = [task.represent(track)[:, 200:700] for track in task.train]
    V = np.concatenate(stream, 1)
    W = data_templates(V, 40, np.random.default_rng(0)).astype(np.float32)
    return stream, V, W


def left_by(templates, V):
    """The divergence with the templates held."""
    rank = templates.shape[1]
    start = (templates, np.full((rank, V.shape[1]), V.mean() / rank, V.dtype))
    return beta_divergence(V, _held(V, rank, start).reconstruct(), 1)


def _held(V, rank, start):
    return nmf(
        V,
        rank,
        init=start,
        fixed=("templates",),
        update="mu-extrapolated",
        max_iter=100,
    )


def test_four_epochs_reach_the_objective_of_200_iterations_on_all_data(piano):
    stream, V, W = piano
    flat = np.full((40, V.shape[1]), V.mean() / 40, V.dtype)
    batch = nmf(V, 40, init=(W, flat), max_iter=200)
    online = OnlineNMF(40, init=[W], seed=0).fit(stream, 4)
    assert left_by(online.templates, V) < 1.01 * beta_divergence(
        V, batch.reconstruct(), 1
    )


def test_it_is_lower_than_scikit_learn_after_as_many_epochs(piano):
    stream, V, W = piano
    flat = np.full((40, V.shape[1]), V.mean() / 40, V.dtype)
    peer = MiniBatchNMF(
        40,
        init="custom",
        batch_size=64,
        beta_loss=1,
        max_iter=4,
        tol=0,
        max_no_improvement=None,
        random_state=0,
    )
    peer.fit_transform(V.T.copy(), W=flat.T.copy(), H=W.T.copy())
    online = OnlineNMF(40, init=[W], seed=0).fit(stream, 4)
    assert left_by(online.templates, V) < left_by(peer.components_.T, V)


def test_learned_templates_can_be_held_by_every_model(piano):
    stream, V, _ = piano
    templates = OnlineNMF(8, seed=0).fit(stream).templates
    np.testing.assert_allclose(templates.sum(0), 1, 1e-4)
    start = (templates, np.ones((8, V.shape[1])))
    held = nmf(V, 8, init=start, fixed=("templates",), max_iter=2)
    np.testing.assert_array_equal(held.templates, templates)
    bars = V[:, :4000].reshape(len(V), 80, 50)
    for model in (
        ncp(bars, 8, beta=1, init=(templates, None, None), fixed=(0,), max_iter=2),
        ntd(
            bars,
            (8, 4, 3),
            beta=1,
            init=(templates, None, None, None),
            fixed=(0,),
            max_iter=2,
        ),
    ):
        np.testing.assert_array_equal(model.factors[0], templates)


# ---- what it keeps


def peak_of(work):
    """Peak of the memory that Python and NumPy allocate, bytes."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@every_model
def test_memory_does_not_grow_with_the_stream(model, shape):
    def stream(n):
        rng = np.random.default_rng(0)
        return (rng.random((*shape, 200)) for _ in range(n))

    def learn(n):
        learned = model(seed=0, n_inner=1, pool_size=400, batch_size=100)
        learned.fit(stream(n))
        kept.append([len(a) for p in learned._statistics.values() for a in p])

    kept = []
    learn(5)  # what is allocated once
    short, long = (peak_of(partial(learn, n)) for n in (8, 80))
    assert long < 1.1 * short
    assert kept[1] == kept[2]


@every_model
def test_one_seed_gives_the_same_numbers(model, shape):
    stream = recordings(shape, 3)
    runs = [model(seed=3, batch_size=16).fit(stream, 2).templates for _ in range(2)]
    np.testing.assert_array_equal(*runs)


def test_every_column_is_learned_from_once_an_epoch():
    stream = [np.full((1, 7), n + 1.0) for n in range(9)]
    seen = []

    class Watched(OnlineNMF):
        def partial_fit(self, V):
            seen.extend(V[0])
            return super().partial_fit(V)

    Watched(1, batch_size=4, pool_size=10, seed=0).fit(stream, n_epochs=2)
    assert sorted(seen) == sorted(2 * [n + 1.0 for n in range(9) for _ in range(7)])
    assert seen[:63] != sorted(seen[:63])


# ---- what it refuses


def test_bad_arguments_are_named():
    V = np.ones((5, 8))
    for match, call in {
        "rank is 0": lambda: OnlineNMF(0),
        "beta is nan": lambda: OnlineNMF(2, beta=float("nan")),
        "init is 'zeros'": lambda: OnlineNMF(2, init="zeros"),
        "init is ndarray": lambda: OnlineNMF(2, init=V),
        "init has 2 factors": lambda: OnlineNMF(2, init=[V, V]).partial_fit(V),
        "init's templates has shape": lambda: OnlineNMF(2, init=[V]).partial_fit(V),
        "batch_size is 0": lambda: OnlineNMF(2, batch_size=0),
        "forgetting is -1": lambda: OnlineNMF(2, forgetting=-1),
        "V has 3 axes; give 2": lambda: OnlineNMF(2).partial_fit(np.ones((2, 3, 4))),
        "V has 2 axes; give 3": lambda: OnlineNTD((2, 2, 2)).partial_fit(V),
        "V has negative": lambda: OnlineNMF(2).partial_fit(-V),
        "learned yet": lambda: OnlineNMF(2).transform(V),
        "what was learned before": lambda: OnlineNMF(2).fit([V]).transform(V[1:]),
        "all axes but the last": lambda: OnlineNMF(2).fit([V, V[1:]]),
        "nothing but silence": lambda: OnlineNMF(2).fit([0 * V]),
        "only once": lambda: OnlineNMF(2).fit((V for _ in range(2)), n_epochs=2),
        "layers names 2": lambda: OnlineNCP(2, layers={2: (1,)}).fit(
            recordings((3, 4))
        ),
        "layers is 0": lambda: OnlineNMF(2, layers=(0,)),
        "n_epochs is 0": lambda: OnlineNMF(2).fit([V], n_epochs=0),
    }.items():
        with pytest.raises(ValueError, match=match):
            call()


# ---- the solver


@pytest.mark.slow
def test_the_solver_learns_from_what_it_can_read_and_transcribes(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "_cache_folder", lambda: tmp_path)
    options = {"beta": 1, "depth": 1, "rank": 88, "n_epochs": 2, "n_iter": 60}
    options["coarse"] = 40
    solver = plugin("solvers/online_nmf.py", **options)
    broken = Track("broken", {"mixture": tmp_path / "nowhere.wav"})
    folder = MINI / "piano"
    train = [broken, *read_corpus(folder / "train-seen")]
    track = read_corpus(folder / "test")[-1]
    task = Transcription(train, [track])
    estimate = solve(task, solver)[track.id]
    scores = transcription_scores(track.notes, estimate.answer, track.duration)
    assert scores["onset_f1"] > 0.7


@pytest.mark.parametrize("name", ["online_nmf", "online_ncp", "note_cnn"])
def test_who_learns_is_left_out_where_there_is_nothing_to_learn_from(name):
    task = Transcription([], [])
    reason = plugin(f"solvers/{name}.py").misfit(task)
    assert reason.startswith("it learns from training recordings")
    assert plugin("solvers/silence.py").misfit(task) is None


def stream_of_bars():
    """Tensors of common patterns; bars of each have a number of frames of their own."""
    rng = np.random.default_rng(0)
    spectra, place = rng.gamma(0.3, 1, (30, 4)), np.arange(96)[:, None]
    rhythms = np.exp(-(((place - [10, 30, 60, 80]) / 10.0) ** 2))
    tensors = []
    for n_frames, n_bars in ((48, 30), (40, 24), (64, 30)):
        bars = rng.gamma(0.3, 1, (n_bars, 4))
        times = resampling(n_frames, 96) @ rhythms
        tensors.append(np.einsum("ir,jr,kr->ijk", spectra, times, bars) + 1e-3)
    return [V.astype(np.float32) for V in tensors]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["online_nmf", "online_ncp", "online_ntd"])
def test_online_solvers_of_any_depth_model_what_they_have_not_heard(name, depth):
    *train, V = stream_of_bars()
    if name == "online_nmf":
        *train, V = (V.reshape(30, -1) for V in (*train, V))
    ranks = {"rank": 12, "coarse": 6}
    if name == "online_ntd":
        ranks = {"spectra": 12, "coarse": 6, "rhythms": 8, "bars": 8}
    parameters = {"depth": depth, "n_epochs": 5, "n_iter": 100, **ranks}
    solver = plugin(f"solvers/{name}.py", beta=1, **parameters)
    told = SimpleNamespace(seed=0, read=lambda tracks: zip(tracks, train, strict=True))
    state = solver.fit(train, told)
    model = solver.factorize(V, state, told)
    assert model.shape == V.shape
    np.testing.assert_allclose(model.templates, state.get("0", model.templates))
    unlike = float(beta_divergence(V, np.full_like(V, V.mean()), 1))
    assert beta_divergence(V, model.reconstruct(), 1) < 0.1 * unlike


def test_bars_are_resampled_by_linear_interpolation():
    np.testing.assert_array_equal(resampling(5, 5), np.eye(5))
    for n in (3, 8, 20):
        np.testing.assert_allclose(resampling(n, 8).sum(1), 1, 1e-6)
    ramp = resampling(4, 8) @ np.arange(8.0)
    np.testing.assert_allclose(ramp, [0.5, 2.5, 4.5, 6.5], 1e-6)
