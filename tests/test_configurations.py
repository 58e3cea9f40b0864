"""Configurations that come with the benchmarks: of runs, and of their reports."""

import pytest
import yaml
from benchopt.cli.main import run
from conftest import ROOT

CONFIGURATIONS = sorted((ROOT / "benchmarks").glob("*/*.yml"))
RUNS = [file for file in CONFIGURATIONS if file.name != "config.yml"]
REPORTS = [file for file in CONFIGURATIONS if file.name == "config.yml"]


def of_benchmark(file):
    return f"{file.parent.name}/{file.name}"


@pytest.mark.parametrize("file", RUNS, ids=of_benchmark)
def test_a_run_takes_all_that_its_configuration_says(file):
    options = {option.name for option in run.params}
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert {option.replace("-", "_") for option in said} <= options


@pytest.mark.parametrize("file", REPORTS, ids=of_benchmark)
def test_figures_of_a_report_are_there_or_benchopts_own(file):
    named = yaml.safe_load(file.read_text(encoding="utf-8"))["plots"]
    ours = {plot.stem for plot in (file.parent / "plots").glob("*.py")}
    assert set(named) - ours <= {"table", "objective_curve"}
