"""What a result depends on: imports, followed to where a name is defined."""

import pytest

from musaic_core.benchmark import digest
from musaic_core.benchmark.digest import (
    digest_of,
    digest_of_code,
    files_imported,
    versions,
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project whose package passes on names of two modules."""
    package = tmp_path / "musaic_core"
    for folder in ("models", "kernels"):
        (package / folder).mkdir(parents=True)
    for path, text in {
        "__init__.py": "",
        "models/__init__.py": "from musaic_core.models.first import one\n"
        "from musaic_core.models.second import two as zwei\n",
        "models/first.py": "from musaic_core import helper\none = 1\n",
        "models/second.py": "two = 2\n",
        "helper.py": "def late():\n    from musaic_core.kernels import fast\n",
        "kernels/__init__.py": "fast = 3\n",
        "kernels/fast.c": "int fast;\n",
        "kernels/fast.abi3.so": "binary\n",
    }.items():
        (package / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(digest, "PACKAGE", package)
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    return tmp_path


def imports(project, text):
    """The files that a plugin with this text needs, as paths in the package."""
    plugin = project / "plugin.py"
    plugin.write_text(text, encoding="utf-8")
    package = project / "musaic_core"
    return {str(f.relative_to(package)) for f in files_imported(plugin)}


def test_imports_are_followed_into_functions_and_kernels(project):
    assert imports(project, "from musaic_core.models.first import one\n") == {
        "models/first.py",
        "helper.py",
        "kernels/__init__.py",
        "kernels/fast.c",
        "kernels/fast.abi3.so",
    }


def test_a_name_that_a_package_passes_on_is_followed_to_its_module_alone(project):
    assert imports(project, "from musaic_core.models import zwei\n") == {
        "models/second.py"
    }
    assert "models/second.py" not in imports(
        project, "from musaic_core.models import one\n"
    )


def test_what_is_not_of_the_project_does_not_count(project):
    assert (
        imports(project, "import numpy\nfrom os import path\nimport musaic\n") == set()
    )


def test_a_digest_changes_with_content_and_path_and_not_with_the_place(project):
    files = files_imported(project / "musaic_core/models/first.py")
    before = digest_of(files)
    assert digest_of(reversed(sorted(files))) == before
    (project / "musaic_core/kernels/fast.c").write_text(
        "int faster;\n", encoding="utf-8"
    )
    assert digest_of(files) != before
    (project / "musaic_core/kernels/fast.c").write_text("int fast;\n", encoding="utf-8")
    assert digest_of(files) == before


def test_the_real_solvers_depend_on_what_they_import():
    from test_architecture import ROOT

    needed = {f.name for f in files_imported(ROOT / "solvers/nmf.py")}
    assert {"nmf.py", "base.py", "solver.py", "recording.py"} <= needed
    assert not {"ntd.py", "site.py", "statistics.py"} & needed
    assert "ntd.py" in {f.name for f in files_imported(ROOT / "solvers/ntd.py")}


def test_versions_are_by_package_and_none_where_absent():
    found = versions(["pip::numpy>=2", "surely-absent"])
    assert found["numpy"]
    assert found["surely-absent"] is None


def test_what_is_learned_does_not_depend_on_comments_and_docstrings(tmp_path):
    def digest_after(text):
        file = tmp_path / "model.py"
        file.write_text(text, encoding="utf-8")
        return digest_of_code([file])

    before = digest_after('"""Words."""\nclass A:\n    """B."""\n\n    x = 1\n')
    assert digest_after('"""Other."""\nclass A:\n    # why\n    x = 1\n') == before
    assert digest_after('"""Words."""\nclass A:\n    """B."""\n\n    x = 2\n') != before
    assert digest_after('"""Words."""\nclass A:\n    y = 1\n') != before


def test_what_is_learned_does_not_depend_on_the_version_of_python(tmp_path):
    """Versions differ in what their syntax trees have, so a digest is written here."""
    file = tmp_path / "model.py"
    file.write_text(
        "def f(a, *, b=None, **c):\n"
        '    """Words."""\n'
        "    return f'{a!r:>{b}}' if a else [x async for x in c] or (lambda: 1.5j)\n",
        encoding="utf-8",
    )
    assert digest_of_code([file])[:16] == "8615ae305cad8336"


def test_relative_imports_are_followed(project):
    package = project / "musaic_core" / "models"
    text = "from ..helper import late\nfrom . import first\n"
    (package / "third.py").write_text(text, encoding="utf-8")
    assert imports(project, "from musaic_core.models.third import late\n") >= {
        "helper.py",
        "models/first.py",
    }
