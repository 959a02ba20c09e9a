"""`make mutation`: break the pure rules one place at a time, and name each break that no unit test notices.

mutmut does it, in a copy of the tree; for each break only those tests run that reach it. What stands outside
functions (tables of constants, classes' fields) it does not break.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RULES = ("detectors", "governance", "metrics")
BESIDE = (
    *("api", "benchmarks", "cli", "client", "docs", "examples"),
    *("migrations", "settings", "storage", "streams", "tests"),
)
LIVED = {"no tests", "survived", "suspicious"}
"""What mutmut calls a break that nothing noticed."""
UNJUDGED = {"not checked", "skipped", "check was interrupted by user"}


def copied(scratch: Path, modules: list[str]) -> None:
    """Copy the tree below `scratch`, and write there what is to be broken."""
    there = [name for name in (*RULES, *BESIDE) if (ROOT / name).is_dir()]
    for name in there:
        shutil.copytree(ROOT / name, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
    settings: dict[str, Any] = {
        "source_paths": [name for name in there if name in RULES],
        "only_mutate": modules or [f"{name}/*" for name in RULES],
        "also_copy": [*(name for name in there if name in BESIDE), "pyproject.toml"],
        "pytest_add_cli_args_test_selection": [f"tests/unit/{name}" for name in there if name in RULES],
        # The same examples each time: a score must not hang on luck.
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "--hypothesis-seed=1"],
    }
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (scratch / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{''.join(lines)}", encoding="utf-8")


def mutmut(scratch: Path, *arguments: str, shown: bool = False) -> str:
    """Run mutmut in the copy, and return what it prints unless it is `shown`."""
    output = None if shown else subprocess.PIPE
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=scratch, stdout=output, text=True, check=True
    )
    return done.stdout or ""


def told(scratch: Path) -> tuple[int, int]:
    """Print each break that nothing noticed; return how many were noticed, of how many."""
    lines = mutmut(scratch, "results", "--all", "true").splitlines()
    fates = [line.strip().rpartition(": ") for line in lines if ": " in line]
    judged = [(name, fate) for name, _, fate in fates if fate not in UNJUDGED]
    lived = [name for name, fate in judged if fate in LIVED]
    for name in lived:
        print(mutmut(scratch, "show", name), flush=True)  # noqa: T201  # a command's output
    return len(judged) - len(lived), len(judged)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="modules, as detectors/cascade.py")
    only = parser.parse_args().only
    if away := [module for module in only if not (ROOT / module).is_file() or not module.startswith(RULES)]:
        parser.error(f"no modules of {', '.join(RULES)}: {', '.join(away)}")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        copied(scratch, only)
        mutmut(scratch, "run", "--max-children", "2", shown=True)
        noticed, judged = told(scratch)
    print(f"{noticed} of {judged} breaks were noticed ({noticed / max(judged, 1):.1%})")  # noqa: T201
    return 0 if judged else 1


if __name__ == "__main__":
    sys.exit(main())
