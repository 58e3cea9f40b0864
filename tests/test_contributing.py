"""The worked examples of CONTRIBUTING.md, run as they are printed."""

import base64
import gzip
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from conftest import ROOT

from musaic_core.data.corpus import read_track
from musaic_core.data.notes import write_midi

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def section(title):
    """The text below a heading."""
    (text,) = re.findall(rf"^#+ {title}$(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return text


def write_files(suite, text):
    """Write each Python block to the file that the text before it names."""
    named = re.findall(
        r"`((?:solvers|datasets|objectives)/\w+\.py)`:\n\n```python\n(.*?)```",
        text,
        re.S,
    )
    assert named
    for path, code in named:
        (suite.root / path).write_text(code, encoding="utf-8")


def commands(text):
    """Lines of the blocks that have no language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S)
    return [line for kind, block in blocks if not kind for line in block.splitlines()]


def run(suite, line):
    """Run a line of the page in the suite; benchopt's report is left out."""
    line = line.replace("benchopt run", f"{sys.executable} -m benchopt run --no-plot")
    line = re.sub("^python", sys.executable, line)
    done = subprocess.run(
        line,
        shell=True,
        cwd=suite.root,
        env=suite.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


def latest(suite, benchmark):
    """The results of the newest run."""
    files = suite.outputs(benchmark).glob("*.parquet")
    return pd.read_parquet(max(files, key=lambda file: file.stat().st_mtime))


def means(results):
    """Mean score by solver's name, and no errors."""
    assert (results["objective_error"] == "").all()
    names = results["solver_name"].str.split("[").str[0]
    return results["objective_value"].groupby(names).mean()


@pytest.fixture(scope="module")
def contributed(original, tmp_path_factory):
    """A copy of the suite to add the examples to, whose mini has one timbre."""
    suite = original.copy(tmp_path_factory.mktemp("contributed") / "musaic")
    for folder in (suite.root / "datasets" / "mini").glob("*/*-seen"):
        folder.rename(folder.with_name(folder.name.replace("seen", "unseen")))
    return suite


def test_the_low_rank_example_is_as_good_as_the_model_that_it_is(contributed):
    text = section("A low-rank model, without knowing music")
    write_files(contributed, text)
    (line,) = commands(text)
    run(contributed, line)
    scores = means(latest(contributed, "amt"))
    assert scores["plain"] > 0.5
    assert scores["plain"] == pytest.approx(scores["nmf"], abs=0.1)


def test_the_learned_example_learns_once_and_beats_silence(contributed):
    text = section("A model that learns")
    write_files(contributed, text)
    (line,) = commands(text)
    run(contributed, line)
    results = latest(contributed, "amt")
    assert means(results)["ridge"] > 0.2
    of_ridge = results[results["solver_name"].str.startswith("ridge")]
    assert of_ridge["objective_n_parameters"].min() == 88 * 233
    states = contributed.root / "benchmarks/__cache__/states"
    (state,) = states.glob("*.safetensors")
    before = state.stat().st_mtime_ns
    run(contributed, f"{line} --no-cache")
    assert state.stat().st_mtime_ns == before
    again = latest(contributed, "amt")
    again = again[again["solver_name"].str.startswith("ridge")]
    np.testing.assert_array_equal(again["objective_value"], of_ridge["objective_value"])
    # what training took then, and tuning now
    trained = of_ridge["objective_time_fit"].iloc[0]
    assert again["objective_time_fit"].iloc[0] > 0.1 * trained


def test_the_corpus_example_is_learned_from_and_scored(contributed, tmp_path):
    text = section("Add a corpus")
    write_files(contributed, text)
    for name in ("train-unseen", "test"):
        for folder in (contributed.root / "datasets/mini/piano" / name).iterdir():
            track = read_track(folder)
            audio = next(iter(track.stem_files.values()))
            wav = tmp_path / f"{folder.name}.wav"
            soundfile.write(wav, *soundfile.read(audio))
            write_midi(track.notes, wav.with_suffix(".mid"))
    link, line = commands(text)
    run(contributed, link)
    run(contributed, line.replace("/data/pairs", str(tmp_path)))
    results = latest(contributed, "amt")
    tested = sorted(file.stem for file in tmp_path.glob("*.wav"))[1::2]
    assert sorted(set(results["objective_track"])) == tested
    assert means(results)["nmf"] > 0.2


def test_the_task_example_runs_is_published_and_named_nowhere_else(contributed):
    text = section("Add a task")
    write_files(contributed, text)
    *links, first, publish = commands(text)
    for line in links:
        run(contributed, line)
    printed = run(contributed, first)
    assert "skip" not in printed
    assert set(means(latest(contributed, "tempo")).index) == {"librosa_tempo"}
    run(contributed, publish)
    pages = contributed.root / "pages"
    assert "Tempo" in (pages / "index.html").read_text(encoding="utf-8")
    tempo = (pages / "benchmarks" / "tempo.html").read_text(encoding="utf-8")
    assert "librosa_tempo" in tempo
    tracks = [p.read_text(encoding="utf-8") for p in (pages / "tracks").glob("*.html")]
    assert any("beats a minute" in page for page in tracks) or any(
        "beats a minute" in text for text in unpacked(pages)
    )
    shutil.rmtree(contributed.root / "benchmarks/tempo")


def unpacked(pages):
    """The texts that pages load."""
    for file in (pages / "data").glob("*.js"):
        packed = re.fullmatch(r'unpack\("(.*)"\)', file.read_text(encoding="utf-8"))
        data = base64.b64decode(packed[1])
        if data[:2] == b"\x1f\x8b":
            yield gzip.decompress(data).decode("utf-8", "replace")


def test_the_penalty_example_lowers_its_objective():
    (code,) = re.findall(r"```python\n(.*?)```", section("Add a penalty"), re.S)
    found = {}
    exec(code, found)
    plain = found["nmf"](found["V"], 8, seed=0)
    penalty = found["Peakedness"](100.0)
    assert penalty.value(found["model"].activations) < penalty.value(plain.activations)
