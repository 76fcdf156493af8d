"""Sets larger than memory train at flat memory: what is kept grows with the number of examples, not with what they hold."""

import gc
import json
import subprocess
import sys

import numpy as np
import pytest

import reweigh
from reweigh.data.scratch import IN_MEMORY
from reweigh.data.stored import OnDisk, Ragged

pa, arrow_csv = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.csv")

ALLOWED = 1536  # MiB above what the same model takes on few rows
MEASURED = """
import resource, subprocess, sys
ran = subprocess.run([sys.executable, "-m", "reweigh", "train", *sys.argv[1:]], capture_output=True, text=True)
print(ran.stdout, ran.stderr, file=sys.stderr)
print(ran.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def peak(*arguments):
    """MiB that `reweigh train` takes at most, in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True)
    code, most = map(int, ran.stdout.split())
    assert code == 0, ran.stderr
    return most


def write_csv(path, rows, checked):
    """20 columns: 13 of numbers, 4 of words, a name, a label, and a mark on every `checked`-th pair of rows."""
    random, step = np.random.default_rng(0), 250_000
    with path.open("wb") as file:
        for start in range(0, rows, step):
            ids = np.arange(start, min(start + step, rows))
            y = random.integers(0, 2, ids.size)
            columns = {f"number {k}": (random.normal(size=ids.size) + y * (k < 3)).round(4) for k in range(13)}
            for k in range(4):
                codes = random.integers(0, 50, ids.size).astype(np.int32)
                words = pa.DictionaryArray.from_arrays(codes, [f"value {word}" for word in range(50)])
                columns[f"word {k}"] = words.cast(pa.string())
            columns |= {"id": [f"person {number:08d}" for number in ids], "label": np.array(["no", "yes"])[y]}
            columns["ok"] = (ids % checked == 0).astype(np.int8)
            written = arrow_csv.WriteOptions(include_header=start == 0)
            arrow_csv.write_csv(pa.table(columns), file, written)


def write_jsonl(path, size, checked):
    """Texts of some 10,000 characters until the file has `size` bytes; the mark is a key that few lines have."""
    random, rows, written = np.random.default_rng(0), 0, 0
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = np.array(["".join(random.choice(letters, random.integers(3, 11))) for _ in range(5000)])
    with path.open("w") as file:
        while written < size:
            label = int(random.integers(2))
            text = " ".join([("never", "always")[label], *words[random.integers(0, 5000, 1300)]])
            line = {"id": rows, "text": text, "label": ("no", "yes")[label]} | (
                {"ok": True} if rows % checked < 2 else {}
            )
            written += file.write(json.dumps(line) + "\n")
            rows += 1


@pytest.mark.slow
def test_a_csv_of_five_million_rows(tmp_path):
    said = ["--target", "label", "--clean-column", "ok", "--id-column", "id", "--steps", "20"]
    write_csv(tmp_path / "tiny.csv", 4000, 20)
    write_csv(tmp_path / "large.csv", 5_000_000, 2500)
    tiny, large = (
        peak("--train", str(tmp_path / f"{name}.csv"), *said, "--output", str(tmp_path / name))
        for name in ("tiny", "large")
    )
    print(f"peak: {tiny} MiB for 4,000 rows, {large} MiB for 5,000,000")
    assert large - tiny < ALLOWED


@pytest.mark.slow
def test_json_lines_of_two_gigabytes(tmp_path):
    said = ["--target", "label", "--text", "text", "--clean-column", "ok", "--id-column", "id", "--steps", "20"]
    write_jsonl(tmp_path / "tiny.jsonl", 10_000_000, 20)
    write_jsonl(tmp_path / "large.jsonl", 2_000_000_000, 500)
    tiny, large = (
        peak("--train", str(tmp_path / f"{name}.jsonl"), *said, "--output", str(tmp_path / name))
        for name in ("tiny", "large")
    )
    print(f"peak: {tiny} MiB for 10 MB, {large} MiB for 2 GB")
    assert large - tiny < ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_from_the_disk_the_same_model_and_weights_come_out(tmp_path, monkeypatch, kind):
    """The same as the slow ones, small: what may be in memory is set to nothing."""
    pytest.importorskip("tokenizers")
    path, taken, place = tmp_path / f"train.{kind}", [], tmp_path / "cache"
    write_csv(path, 3000, 20) if kind == "csv" else write_jsonl(path, 900_000, 20)
    settings = {"target": "label", "clean_column": "ok", "id_column": "id", "steps": 6, "seed": 1, "verbose": False}
    settings["rule"] = "judged-and-helpful"  # of which both halves and weights come from the disk
    settings |= {"text": "text", "text_length": 16} if kind == "jsonl" else {}
    for stored in (OnDisk, Ragged):
        monkeypatch.setattr(stored, "take", lambda *a, take=stored.take: taken.append(1) or take(*a))
    monkeypatch.setenv("TMPDIR", str(place))
    for name, most in (("memory", ""), ("disk", "1000")):
        monkeypatch.setenv(IN_MEMORY, most)
        assert not taken
        run = reweigh.fit(path, output=tmp_path / name, **settings)
    assert taken
    for file in ("model.safetensors", "weights.parquet", "encoding.json"):
        assert (tmp_path / "memory" / file).read_bytes() == (tmp_path / "disk" / file).read_bytes()
    first = reweigh.load(tmp_path / "memory").audit().to_pandas()
    assert first.equals(run.audit().to_pandas())
    gc.collect()
    assert not list(place.iterdir())
