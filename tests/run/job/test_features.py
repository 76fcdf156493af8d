"""What a frozen body says is worked out once, and training is the same as if it were asked each time."""

import pytest
import torch
from torch import nn

from own_files import images
from reweigh.cli.guard import run
from reweigh.data.own import Sources, read_own
from reweigh.models import Probe
from reweigh.run.job import job as jobs
from reweigh.run.job.features import learnt_from
from reweigh.run.job.loop import run_epoch
from reweigh.run.job.prepare import RunData, prepare, with_clean_kept
from reweigh.run.job.usual import with_usual
from reweigh.run.start import Interrupted, resume, start
from reweigh.settings import Settings

from ..conftest import Nobody

MODEL = """
import torch
from torch import nn
from reweigh.models import Probe

def build(input_shape, outputs):
    torch.manual_seed(3)
    body = nn.Sequential(nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
    return Probe.linear(body, input_shape, outputs)
"""


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Settings of a run on a folder of images with a body of the user's own."""
    images(tmp_path)
    (tmp_path / "frozen_body.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return {
        "train": "noisy",
        "clean": "checked",
        "test": "new",
        "model": "frozen_body:build",
        "rule": "l2rw",
        "epochs": 3,
    }


def assembled(said, **more):
    config = Settings.of(**said, **more)
    data = prepare(config)
    config = with_usual(config, data)
    return jobs.assemble(config, with_clean_kept(config, data))


def test_the_head_learns_the_same_from_features_as_from_images(said, monkeypatch):
    once = assembled(said)
    monkeypatch.setattr(jobs, "learnt_from", lambda model, data, *others: (model, data))
    each_time = assembled(said)
    assert once.inputs.train.x.shape == (160, 54)
    assert each_time.inputs.train.x.shape == (160, 3, 12, 12)
    lines = [[run_epoch(job) for _ in range(3)][-1] for job in (once, each_time)]
    for name in ("train_loss", "clean_loss", "test_accuracy", "zero_share"):
        assert lines[0][name] == pytest.approx(lines[1][name], rel=1e-4), name
    for (name, one), other in zip(once.model.state_dict().items(), each_time.model.state_dict().values(), strict=True):
        assert torch.allclose(one.double(), other.double(), atol=1e-4), name


def test_a_coloured_folder_is_learnt_by_a_probe_on_efficientnet(said):
    del said["model"]
    job = assembled({**said, "epochs": 1})
    assert job.config.student.model == "efficientnet-lite0"
    assert job.inputs.train.x.shape == (160, 1280)
    assert run_epoch(job)["test_accuracy"] >= 0.5


def test_weights_count_from_the_first_step_on(said):
    assert assembled(said).config.weights.warm_up == 0
    assert assembled({**said, "model": "lenet"}).config.weights.warm_up > 0


def test_augmented_images_are_asked_about_each_time(said):
    job = assembled(said, augment="crop-flip")
    assert job.student is job.model
    assert job.inputs is job.data
    run_epoch(job)


def test_other_models_read_the_data_as_they_are(said):
    data = prepare(Settings.of(**said))
    model = nn.Linear(1, 1)
    assert learnt_from(model, data, "none", torch.device("cpu")) == (model, data)


class Telling(Nobody):
    def __init__(self):
        self.said = []

    def phase(self, what, part="", steps=None, turn=(1, 1)):
        self.said.append((what, steps))

    def step(self, done):
        self.said.append(done)


def test_how_far_it_is_is_told(said):
    told = Telling()
    found = read_own(Sources(train="noisy", clean="checked"), seed=0)
    data = RunData(found.train, found.clean, found.test, found.encoding)
    model = Probe(nn.Flatten(), nn.Linear(432, 2))
    learnt_from(model, data, "none", torch.device("cpu"), told)
    assert told.said == [("what the frozen body says of 160 examples is worked out once", 160), 100, 160]


class StopsInTheSecondEpoch(Nobody):
    def step(self, done):
        if done == 3:
            raise KeyboardInterrupt


def test_a_stopped_run_ends_with_the_same_bits(said, tmp_path):
    start(Settings.of(**said), "whole", Nobody())
    with pytest.raises(Interrupted):
        start(Settings.of(**said), "stopped", StopsInTheSecondEpoch())
    resume("stopped", {"model": said["model"]}, Nobody())
    for name in ("model.safetensors", "weights.parquet"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()


def test_the_finished_model_reads_images(said, tmp_path, capsys):
    start(Settings.of(**{**said, "epochs": 30}), "run", Nobody())
    for command in ("predict run new", "audit run", "report run"):
        assert run([*command.split(), "--model", said["model"]]) == 0, capsys.readouterr()
    assert (tmp_path / "run/distrusted.png").exists()
