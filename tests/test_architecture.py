"""The house rules that a machine can check: imports point one way, pins carry no addresses, README's commands exist."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("abm", "calibration", "experiments")  # each may import those before it


def imported_packages(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package):
    users = set(PACKAGES[PACKAGES.index(package) + 1 :])
    wrong = {
        str(file.relative_to(ROOT)): found
        for file in (ROOT / package).rglob("*.py")
        if (found := users & set(imported_packages(file)))
    }
    assert not wrong


def test_rules_know_no_engine_and_draw_nothing():
    allowed = {"__future__", "abm", "collections", "math", "typing"}
    for file in (ROOT / "abm" / "rules").glob("*.py"):
        assert set(imported_packages(file)) <= allowed, file.name
        modules = re.findall(r"from (abm\.\w+)", file.read_text(encoding="utf-8"))
        assert set(modules) <= {"abm.rules"}, file.name


def test_pins_carry_no_addresses():
    assert not (ROOT / "uv.lock").exists()
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert len(pins) > 50
    for pin in pins:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==\S+( ; .+)?", pin), pin


def test_the_commands_of_the_readme_are_targets_of_the_makefile():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", readme))
    assert {"demo", "test"} <= named <= targets


def test_files_named_in_the_readme_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_importing_the_packages_warns_of_nothing():
    script = "import abm, calibration, experiments, experiments.cli"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
