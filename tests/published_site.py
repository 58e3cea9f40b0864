"""Small results files of every kind, and the site that is made of them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from musaic_core.lowrank.models import NMF
from musaic_core.publish.__main__ import main
from musaic_core.results.pictures import save_factors

ROOT = Path(__file__).resolve().parent.parent
EVIL = "<script>alert(1)</script>"  # the id of a recording
SECONDS, RATE = 14, 22050
LOW, HIGH = 261.6, 880.0  # Hz, of the two notes that every recording consists of
FRAME = 512 / RATE
FREQUENCIES = np.geomspace(50, 8000, 120)
SOLVERS = {  # name and parameters, by how good they are
    "nmf[beta=1,dictionary=fixed]": 0.9,
    "nmf[beta=2,dictionary=blind]": 0.5,
    "basic_pitch": 0.7,
    "silence": 0.0,
}
DATASET = """
from pathlib import Path
import benchopt
from musaic_core.data.track import Track

class Dataset(benchopt.BaseDataset):
    name = "tiny"
    parameters = {"part": ["a"]}

    def get_data(self):
        folder = Path(__file__).parents[3] / "recordings"
        tracks = [
            Track(name, {"mixture": folder / "recording.ogg"},
                  sections_file=folder / "sections.lab")
            for name in ("one", "two", "three", "four", EVIL)
        ]
        return {"train": [], "test": tracks, "isolated": []}
"""


def recording():
    """Samples of the two notes."""
    t = np.arange(SECONDS * RATE) / RATE
    return 0.2 * np.sin(2 * np.pi * LOW * t) + 0.2 * np.sin(2 * np.pi * HIGH * t)


def factors():
    """Two templates, a note each, and a third that never sounds."""

    def template(hz):
        return np.exp(-((np.log2(FREQUENCIES / hz) * 6) ** 2)) + 1e-4

    W = np.stack([template(LOW), template(HIGH), template(4000)], axis=1)
    H = np.ones((3, int(SECONDS / FRAME)))
    H[2] = 0
    return NMF(W, H)


def make_benchmarks(root):
    """Write results of three tasks; `mss` has stems, `msa` sections."""
    recordings = root / "recordings"
    recordings.mkdir()
    soundfile.write(recordings / "recording.ogg", recording(), RATE)
    (recordings / "sections.lab").write_text("0\t7\tA\n7\t14\tB\n")
    for stem, share in (("drums", 0.3), ("vocals", 0.7)):
        soundfile.write(recordings / f"{stem}.ogg", share * recording(), RATE)
    for task in ("amt", "mss", "msa"):
        folder = root / "benchmarks" / task
        (folder / "datasets").mkdir(parents=True)
        (folder / "objective.py").symlink_to(ROOT / "objectives" / "amt.py")
        (folder / "solvers").symlink_to(ROOT / "solvers")
        dataset = DATASET.replace("EVIL", repr(EVIL))
        (folder / "datasets" / "tiny.py").write_text(dataset)
        write_results(folder)
    return root / "benchmarks"


def results():
    """Rows as benchopt writes them."""
    rng = np.random.default_rng(0)
    rows = []
    for track in ("one", "two", "three", "four", EVIL):
        difficulty = rng.uniform(0, 0.05)
        for name, quality in SOLVERS.items():
            solver = name.split("[")[0]
            score = max(0.0, quality - difficulty + rng.normal(0, 1e-3))
            parameters = "[" in name
            rows.append(
                {
                    "base_seed": 7,
                    "objective_name": "Task",
                    "obj_description": "What is asked for.",
                    "solver_name": name,
                    "solver_description": "V ≈ W H. Lee and Seung 1999.",
                    "file_solver": f"solvers/{solver}.py",
                    "dataset_name": "tiny[part=a]",
                    "p_dataset_part": "a",
                    "p_solver_beta": float(name[9]) if parameters else np.nan,
                    "p_solver_dictionary": name[22:-1] if parameters else None,
                    "time": 2.0 + quality,
                    "objective_track": track,
                    "objective_value": score,
                    "objective_n_parameters": 0 if solver == "silence" else 1000,
                    "objective_peak_memory_mb": 10.0,
                    "objective_duration": float(SECONDS),
                    "objective_error": "",
                    "objective_files": f"run/{name}/{len(rows)}",
                    "system-processor": "Test CPU",
                    "version-numpy": "2.9",
                    "run_date": "2026-01-02T03:04:05",
                }
            )
    return pd.DataFrame(rows)


def write_results(folder, name="run.parquet"):
    """Write the results file of a benchmark and what its run saved."""
    outputs = folder / "outputs"
    outputs.mkdir(exist_ok=True)
    table = results()
    table.to_parquet(outputs / name)
    notes = np.array([[0.5, 3.0, 60], [4.0, 6.0, 81]])
    for row in table.itertuples():
        saved = outputs / row.objective_files
        saved.mkdir(parents=True, exist_ok=True)
        if folder.name == "amt":
            np.savez(saved / "notes.npz", estimate=notes, reference=notes[:1])
        if folder.name == "msa":
            (saved / "estimate.lab").write_text("0\t6.5\tA\n6.5\t14\tB\n")
        if folder.name == "mss":
            for stem in ("drums.ogg", "vocals.ogg"):
                shutil.copy(folder.parents[1] / "recordings" / stem, saved)
        if folder.name == "amt" and row.solver_name.startswith("nmf"):
            labels = [60, 81, 108]
            file = saved / "factors.npz"
            save_factors(factors(), labels, FREQUENCIES, FRAME, file)
            with np.load(file) as plain:  # as a deep model's: what templates share
                np.savez(file, **plain, layer_2=[[0.9, 0.4, 0.0], [0.1, 0.6, 1.0]])
    return outputs / name


REPORT = """<!doctype html><html><head>
<link href="https://fonts.example/css2" rel="stylesheet"></head><body>
<p id="brand">Report</p><div id="plot"></div><div id="table"></div>
<a href="amt.html">Home</a> <a href="run.parquet">Data</a>
<script src="https://cdn.plot.ly/plotly-2.12.1.min.js"></script>
<script src="https://cdn.example/gridjs.umd.js"></script>
<script>
const state = "the report's own";
anime.timeline({loop: false}).add({});
Plotly.react(document.getElementById("plot"), [{x: [1, 2], y: [3, 4]}],
  {title: "A title", xaxis: {title: "x"}, yaxis: {title: "y"}});
new gridjs.Grid({
  columns: ["solver", "score"].map((name) => ({
    name, formatter: (v) => gridjs.html(`<b>${v}</b>`),
    sort: {compare: (a, b) => (a > b ? 1 : a < b ? -1 : 0)},
  })),
  data: [["b", 2], ["a", 3]],
}).render(document.getElementById("table"));
</script></body></html>"""


def make_site(root):
    """Make the site of these results; give its folder."""
    benchmarks = make_benchmarks(root)
    (benchmarks / "amt" / "outputs" / "amt_run.html").write_text(REPORT)
    site = root / "results"
    main(["--benchmarks", str(benchmarks), "--output", str(site)])
    return site
