"""The page of tasks and solvers says what the code does."""

from tools.overview import FILE, overview


def test_the_table_of_tasks_and_solvers_is_up_to_date():
    assert FILE.read_text() == overview(), "run python -m tools.overview"
