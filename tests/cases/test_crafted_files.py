"""Files of a run that somebody made up: JSON of all kinds, other things in place of a file, values that nobody wrote."""

import json
import os

import pytest
from benchmarks.torture.sealing import seal

from damaged_runs import commands
from reweigh.cli.guard import run

CRAFTED = {
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "null": b"null",
    "empty": b"",
    "not a number": b'{"epochs": NaN}',
    "beyond every float": b'{"settings": 1e999}',
    "ten thousand digits": b'{"settings": ' + b"9" * 10_000 + b"}",
    "one key twice": b'{"settings": {}, "settings": {}}',
    "a mark of byte order": b"\xef\xbb\xbf{}",
    "no UTF-8": b'{"a": "\xff"}',
    "NUL": b"\x00\x00",
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
@pytest.mark.parametrize("name", ["config.json", "summary.json", "metrics.jsonl", "encoding.json"])
def test_crafted_json_is_a_sentence(name, content, folder, new, tmp_path, refused):
    (folder / name).write_bytes(content)
    assert name in refused(*commands(folder, new, tmp_path)["predict"])


@pytest.mark.parametrize("value", [None, "x", [], {}, True, -1, 10**15, [[]]])
@pytest.mark.parametrize("key", ["epochs", "steps", "score", "clean_examples", "engine", "rule"])
def test_a_value_of_another_kind_in_the_summary(key, value, folder, tmp_path, capsys):
    stored = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(stored | {key: value}))
    seal(folder)
    code = run(["report", str(folder), "--output", str(tmp_path / "page.html")])
    said = capsys.readouterr().err
    assert (code, said) == (0, "") or (code == 2 and len(said.splitlines()) == 1), said


@pytest.mark.parametrize("what", ["folder", "pipe", "loop", "device"])
@pytest.mark.parametrize("name", ["config.json", "summary.json", "model.safetensors", "encoding.json", "SHA256SUMS"])
def test_something_else_in_place_of_a_file(name, what, folder, new, tmp_path, refused):
    (folder / name).unlink()
    if what == "folder":
        (folder / name).mkdir()
    elif what == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero" if what == "device" else folder / name)
    refused(*commands(folder, new, tmp_path)["predict"])


def test_a_file_of_holes_is_not_begun_with(folder, new, tmp_path, refused):
    os.truncate(folder / "summary.json", 1 << 33)
    assert "too many for a file of its kind" in refused(*commands(folder, new, tmp_path)["predict"])


@pytest.mark.parametrize("key", ["batch_size", "lr", "weight_decay", "warm_up", "model"])
@pytest.mark.parametrize("what", ["resume", "predict"])
def test_a_setting_that_is_lost(what, key, folder, new, refused, tmp_path):
    stored = json.loads((folder / "config.json").read_text())
    stored["settings"][key] = None
    (folder / "config.json").write_text(json.dumps(stored))
    seal(folder)
    words = (
        ["train", "--resume", "--output", folder] if what == "resume" else commands(folder, new, tmp_path)["predict"]
    )
    assert f"leaves {key} open" in refused(*words)


@pytest.mark.parametrize("value", [2**31, 10**18])
def test_more_threads_than_torch_can_count(value, tmp_path, refused):
    assert "at most" in refused("train", "--dataset", "digits", "--threads", value, "--output", tmp_path / "run")


def test_a_path_with_a_zero_byte_in_the_settings(folder, new, refused, tmp_path):
    stored = json.loads((folder / "config.json").read_text())
    stored["settings"]["train"] = "a\0b.csv"
    (folder / "config.json").write_text(json.dumps(stored))
    seal(folder)
    assert "zero byte" in refused(*commands(folder, new, tmp_path)["audit"])


def test_an_encoding_that_asks_for_a_huge_model(folder, new, tmp_path, refused):
    stored = json.loads((folder / "encoding.json").read_text())
    (folder / "encoding.json").write_text(json.dumps(stored | {"input_shape": [10**12]}))
    seal(folder)
    assert "of another model" in refused(*commands(folder, new, tmp_path)["predict"])
