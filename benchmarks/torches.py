"""The suite's core on the oldest PyTorch that pyproject.toml claims, the pinned one and the newest: `make test-torches`.

Each version gets a virtual environment of its own below build/torches (or --into), with the library and what the core's
tests need. What each PyTorch came to is told once more at the end. For Linux, the index has PyTorch with CUDA only: three
environments take about 15 GB.

    python -m benchmarks.torches                   all three, from the package index
    python -m benchmarks.torches --here            this interpreter alone, nothing installed
    python -m benchmarks.torches oldest newest     some of them
"""

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CORE = (
    "tests/alignment", "tests/learning", "tests/trajectory", "tests/optimizers", "tests/rules",
    "tests/test_torch_private.py", "tests/test_walk.py", "tests/test_student.py", "tests/test_as_found.py",
    "tests/test_direction.py", "tests/test_reweigher.py", "tests/test_laws.py", "tests/test_laws_as_found.py",
    "tests/test_laws_modes.py", "tests/test_laws_captured.py", "tests/capture",
)  # fmt: skip
TOOLS = ("pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100", "sybil>=8", "scipy", "scikit-learn", "safetensors",
         "pyarrow", "matplotlib")  # fmt: skip


def versions(pyproject: str, constraints: str) -> dict[str, str]:
    """What pip is asked for, by the name that the command line has for it."""
    (claimed,) = [d for d in tomllib.loads(pyproject)["project"]["dependencies"] if re.match(r"torch\b", d)]
    oldest = re.fullmatch(r"torch>=([\d.]+)", claimed)
    pinned = re.search(r"^torch==(\S+)", constraints, flags=re.MULTILINE)
    if oldest is None or pinned is None:
        raise SystemExit("pyproject.toml must say torch>=X, and constraints.txt torch==Y")
    return {"oldest": f"torch=={oldest[1]}.*", "pinned": f"torch=={pinned[1]}", "newest": "torch"}


def core(python: str) -> tuple[int, str]:
    """Run the core's tests; their exit status, and a line that says of which PyTorch and how many passed."""
    told = "import torch, reweigh; print('torch', torch.__version__, 'reweigh', reweigh.__version__)"
    said = subprocess.run([python, "-c", told], check=True, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    print(said, flush=True)
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CORE]
    last = said
    with subprocess.Popen(tests, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    return running.returncode, f"{said}: {last}"


def environment(folder: Path, wanted: str) -> str:
    """The interpreter of an environment with this PyTorch, made where it is not there."""
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", wanted], check=True)
    subprocess.run([*pip, "-e", str(ROOT), *TOOLS], check=True)
    return python


def main() -> int:
    """The highest of the exit statuses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", help="oldest, pinned, newest; default: all three")
    parser.add_argument("--here", action="store_true", help="with this interpreter, whatever its PyTorch")
    parser.add_argument("--into", type=Path, default=ROOT / "build" / "torches", help="the environments' folder")
    asked = parser.parse_args()
    if asked.here:
        pythons = [sys.executable]
    else:
        wanted = versions((ROOT / "pyproject.toml").read_text(), (ROOT / "constraints.txt").read_text())
        if strange := set(asked.which) - set(wanted):
            parser.error(f"there is no PyTorch called {min(strange)}: choose of {', '.join(wanted)}")
        pythons = [environment(asked.into / name, wanted[name]) for name in asked.which or wanted]
    came = [core(python) for python in pythons]
    print("\n".join(line for _, line in came))
    return max(status for status, _ in came)


if __name__ == "__main__":
    sys.exit(main())
