"""Models, rules and tasks that are objects: trained, opened again, gone on with, and never taken from a file."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import reweigh
from notebook_data import CHECKED, ROWS
from reweigh.cli.guard import run as command
from reweigh.errors import BadInput
from reweigh.models import MLP
from reweigh.named_code import is_object, name_of
from reweigh.run import Callback
from reweigh.tasks import Classification

QUICK = {"steps": 6, "batch_size": 64, "rule": "l2rw", "quick": True, "verbose": False}
X = np.random.default_rng(1).normal(size=(ROWS, 3))
WORDS = np.where(X[:, 0] > 0, "pos", "neg")


class Net(nn.Module):
    """Two layers and dropout."""

    def __init__(self, outputs=2):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, outputs))

    def forward(self, x):
        return self.layers(x)


class Reversed(Classification):
    """Classes in the other order."""

    @classmethod
    def fit(cls, train, others=()):
        found = super().fit(train, others)
        return cls(found.classes[::-1], found.targets)


class Stops(Callback):
    """As ctrl-C does, at the end of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, line):
        if line["epoch"] == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def fit(**given):
    return reweigh.fit((X, WORDS), clean=CHECKED, **{**QUICK, **given})


def state(run):
    return torch.cat([p.flatten() for p in run.model.module.state_dict().values()])


def test_a_module_trains_from_its_state_and_stays_as_it_is(net):
    before = copy.deepcopy(net.state_dict())
    one, again = fit(model=net), fit(model=net)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(state(one), state(again))  # so the second began where the first did
    small = fit(model=net, lr=1e-9, steps=1)
    assert torch.allclose(state(small), torch.cat([p.flatten() for p in net.state_dict().values()]), atol=1e-6)
    torch.manual_seed(1)
    assert not torch.equal(state(fit(model=Net())), state(one))
    assert isinstance(one.model.module, Net)
    assert one.settings["model"] == f"object:{__name__}.Net"


def test_the_same_layers_by_name_give_the_same_bits():
    by_name = fit(model="mlp")
    start = MLP((3,), 2)
    start.load_state_dict(by_name.model.module.state_dict())
    on = fit(model=start, lr=1e-12, optimizer="sgd", steps=1)
    assert torch.allclose(state(on), state(by_name), atol=1e-6)


def test_it_predicts_is_audited_and_reported(net, tmp_path):
    run = fit(model=net, rule=reweigh.L2RW())
    assert set(run.predict(X[:9]).values) <= {"pos", "neg"}
    assert len(run.audit().to_pandas()) == ROWS - 80
    page = run.report(tmp_path / "page.html").read_text()
    assert "L2RW" in page
    assert "object:reweigh" not in page.split("</title>")[1].split("settings")[0]
    assert run.export(tmp_path / "model.pt2").exists()
    kept = run.save(tmp_path / "kept")
    assert kept.predict(X).values.tolist() == run.predict(X).values.tolist()


def test_it_is_opened_with_a_module_of_the_same_architecture(net, tmp_path):
    run = fit(model=net, output=tmp_path / "run")
    assert torch.equal(state(reweigh.load(tmp_path / "run", model=Net())), state(run))
    said = r"the model is an object from Python, of .*Net, and no file holds it: give it again, as reweigh.load\("
    for use in (lambda run: run.model, lambda run: run.predict(X), lambda run: run.audit()):
        with pytest.raises(BadInput, match=said):
            use(reweigh.load(tmp_path / "run"))
    with pytest.raises(BadInput, match="of another model than"):
        reweigh.load(tmp_path / "run", model=Net(5)).predict(X)
    with pytest.raises(BadInput, match=r"was made with the model 'object:.*', not 'mlp'"):
        reweigh.load(tmp_path / "run", model="mlp")
    assert reweigh.load(tmp_path / "run").score == run.score  # which needs no model


def test_a_module_is_not_taken_for_a_model_with_a_name(net, tmp_path):
    fit(output=tmp_path / "run")
    with pytest.raises(BadInput, match="was made with the model 'mlp', not 'object:"):
        reweigh.load(tmp_path / "run", model=net)


@pytest.mark.parametrize("epoch", [1, 2])  # before anything of it is saved
@pytest.mark.parametrize("rule", [reweigh.L2RW(), reweigh.MetaWeightNet(hidden=7)], ids=lambda rule: rule.name)
def test_a_stopped_run_goes_on_with_the_same_bits(net, rule, epoch, tmp_path, capsys):
    given = {"model": net, "rule": rule, "steps": 9, "seed": 3}
    whole = fit(**given, output=tmp_path / "whole")
    with pytest.raises(
        KeyboardInterrupt, match=r"go on with `reweigh.fit\(output='.*', model=..., rule=..., resume=True\)`"
    ):
        fit(**given, output=tmp_path / "run", callbacks=[Stops(epoch)])
    folder = tmp_path / "run"
    with pytest.raises(BadInput, match="the rule is an object from Python"):
        reweigh.fit(output=folder, model=net, resume=True)
    with pytest.raises(BadInput, match="has other settings"):
        reweigh.fit(output=folder, model=MLP((3,), 2), rule=rule, resume=True)
    assert command(["train", "--output", str(folder), "--resume"]) == 2
    assert "the model is an object from Python" in " ".join(capsys.readouterr().err.split())
    on = reweigh.fit(output=folder, model=Net(), rule=rule, resume=True, quick=True, verbose=False)
    assert torch.equal(state(on), state(whole))
    for name in ("weights.parquet", "model.safetensors"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_rule_as_an_object_is_the_rule_by_its_name():
    by_name, as_class = fit(rule="meta-weight-net"), fit(rule=reweigh.MetaWeightNet)
    assert as_class.settings["rule"] == "meta-weight-net"
    assert torch.equal(state(by_name), state(as_class))
    rule = reweigh.MetaWeightNet(seed=5)
    one, again = fit(rule=rule), fit(rule=rule)
    assert rule.net is None  # a copy has learnt
    assert torch.equal(state(one), state(again))
    assert torch.equal(state(fit(rule=reweigh.L2RW())), state(fit(rule="l2rw")))


def test_a_rule_of_classes_needs_classes():
    with pytest.raises(BadInput, match="looks at each example's class"):
        reweigh.fit((X, X[:, 0]), clean=CHECKED, **{**QUICK, "rule": reweigh.ClassAwareWeightNet([5, 5])})


def test_a_function_that_builds_the_model():
    def build(input_shape, outputs):
        return nn.Linear(input_shape[0], outputs)

    run = fit(model=build)
    assert is_object(run.settings["model"])
    assert len(run.predict(X)) == ROWS
    assert torch.equal(state(run), state(fit(model=build)))  # the state is drawn from the run's seed
    with pytest.raises(BadInput, match="gave a str: let it return"):
        fit(model=lambda *given: "nothing")


def test_a_task_as_a_class(tmp_path):
    plain, other = fit(model="mlp"), fit(model="mlp", task=Reversed, output=tmp_path / "run")
    assert other.model.encoding.classes == plain.model.encoding.classes[::-1]
    assert other.settings["task"] == f"{__name__}:Reversed"
    assert set(other.predict(X).values) <= {"pos", "neg"}
    assert fit(task=Classification).settings["task"] == "classification"
    code = f"import reweigh; reweigh.load({str(tmp_path / 'run')!r}).score"
    alone = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "code of somebody's own" in alone.stderr
    opened = code.replace(").score", ", task=Reversed).predict(__import__('numpy').zeros((2, 3)))")
    roots = [str(folder) for folder in Path(__file__).parents[:3]]  # where the test's own modules are found
    opened = f"import sys; sys.path[:0] = {roots!r}; from {__name__} import Reversed; {opened}"
    ran = subprocess.run([sys.executable, "-c", opened], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_no_file_holds_code(net, tmp_path):
    fit(model=net, rule=reweigh.MetaWeightNet(), output=tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert [settings[name] for name in ("model", "rule")] == [
        f"object:{__name__}.Net",
        "object:reweigh.rules.meta_weight_net.MetaWeightNet",
    ]
    assert not list((tmp_path / "run").rglob("*.pkl"))


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        ("mlp", "mlp"),
        (Net, f"{__name__}:Net"),
        (json.dumps, "json:dumps"),
        (re.compile("a"), "object:re.Pattern"),
        (lambda: None, f"object:{__name__}.<lambda>"),
    ],
)
def test_names(thing, name):
    assert name_of(thing) == name


def test_a_module_that_cannot_be_copied(net):
    net.cache = net.layers(torch.zeros(1, 3))  # with a graph
    with pytest.raises(BadInput, match="the model, a Net, cannot be copied"):
        fit(model=net)
