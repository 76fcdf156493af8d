"""Lightning: what is logged, cast, hooked and learnt is what training is, not what the weights' own passes are."""

import warnings

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("lightning")
import lightning
from torch.utils.data import DataLoader

from examples import data
from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.hosts.lightning import Reweighed
from reweigh.rules import Uniform

NOISY, CLEAN = data.rows()
QUIET = {
    "logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False,
    "accelerator": "cpu", "max_epochs": 1, "limit_train_batches": 4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch")
        yield


class Plain(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))

    def forward(self, x):
        self.log("rows", float(len(x)), on_step=False, on_epoch=True, reduce_fx="sum")
        return self.layers(x)

    def per_example_loss(self, batch):
        losses = F.cross_entropy(self(batch["x"]), batch["y"], reduction="none")
        self.log_dict({"mean": losses.mean(), "most": losses.max()}, on_step=False, on_epoch=True)
        return losses

    def training_step(self, batch, batch_idx):
        return self.per_example_loss(batch).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class Student(Reweighed, Plain):
    def __init__(self, rule=None):
        super().__init__()
        self.rule = rule or L2RW()

    per_example_loss = Plain.per_example_loss

    def configure_reweigher(self):
        told = {"optimizer": self.optimizers().optimizer} if self.rule.name == "meta-weight-net" else {}
        clean = CLEAN  # made before the precision plug-in changes what numbers are made as
        return Reweigher(self, type(self).per_example_loss, rule=self.rule, clean=clean, clean_batch_size=10, **told)

    def training_step(self, batch, batch_idx):
        return self.weighted_loss(batch)


def _fit(make, **settings):
    torch.manual_seed(0)
    module = make()
    trainer = lightning.Trainer(**QUIET | settings)
    trainer.fit(module, DataLoader(data.listed(NOISY), batch_size=20))
    return module, trainer.callback_metrics


@pytest.mark.parametrize("rule", [L2RW, Uniform, lambda: MetaWeightNet(hidden=4)])
def test_epoch_means_count_training_batches_only(rule):
    _, logged = _fit(lambda: Student(rule()))
    assert logged["rows"] == 80
    _, plain = _fit(Plain)
    if rule is Uniform:
        assert all(torch.equal(logged[name], plain[name]) for name in ("rows", "mean", "most"))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true", "64-true"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_weights_of_one_are_plain_training_in_every_precision(precision, accumulate):
    settings = {"precision": precision, "accumulate_grad_batches": accumulate, "gradient_clip_val": 0.1}
    weighed, plain = _fit(lambda: Student(Uniform()), **settings)[0], _fit(Plain, **settings)[0]
    tolerance = 1e-2 if precision == "bf16-true" else 1e-6
    for p, q in zip(weighed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-true", torch.bfloat16), ("64-true", torch.float64)])
def test_the_clean_batch_has_the_precision_of_training_batches(precision, dtype):
    class Sees(Student):
        def per_example_loss(self, batch):
            seen.add(batch["x"].dtype)
            return Plain.per_example_loss(self, batch)

    seen = set()
    module, _ = _fit(Sees, precision=precision)
    assert seen == {dtype}
    assert module.reweigher.report.clean_loss > 0


def test_the_passes_of_weights_run_under_the_autocast_of_training():
    class Sees(Student):
        def forward(self, x):
            seen.append(super().forward(x).dtype)
            return self.layers(x)

    seen = []
    _fit(Sees, precision="bf16-mixed")
    assert set(seen) == {torch.bfloat16}


def test_hooks_see_training_batches_only_and_what_they_change_is_said():
    class Doubles(Student):
        def on_after_batch_transfer(self, batch, dataloader_idx):
            seen.append(len(batch["x"]))
            return batch | {"x": 2 * batch["x"]}

        def on_train_batch_start(self, batch, batch_idx):
            seen.append(len(batch["x"]))

    seen = []
    with pytest.warns(
        UserWarning, match="Doubles.on_after_batch_transfer changes training batches, and clean batches do"
    ):
        _fit(Doubles)
    assert set(seen) == {20}

    class Both(Doubles):
        def prepare_clean_batch(self, batch):
            batch = super().prepare_clean_batch(batch)
            return batch | {"x": 2 * batch["x"]}

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="clean batches")
        weighed, _ = _fit(Both)
    assert weighed.reweigher.report.clean_loss > 0


@pytest.mark.parametrize("rule", [L2RW, lambda: MetaWeightNet(hidden=4)])
def test_manual_optimisation_is_automatic_optimisation_by_hand(rule):
    class Manual(Student):
        automatic_optimization = False

        def training_step(self, batch, batch_idx):
            optimizer = self.optimizers()
            loss = self.weighted_loss(batch)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()

    by_hand, automatic = _fit(lambda: Manual(rule()))[0], _fit(lambda: Student(rule()))[0]
    for p, q in zip(by_hand.parameters(), automatic.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_rules_that_learn_know_of_clipping():
    module, _ = _fit(lambda: Student(MetaWeightNet(hidden=4)), gradient_clip_val=0.01)
    assert all(step.factor < 0.5 for step in module.reweigher._learner._window.steps)


def test_a_second_fit_goes_on_with_its_own_optimizer():
    module = Student(MetaWeightNet(hidden=4))
    rows = DataLoader(data.listed(NOISY), batch_size=20)
    for _ in range(2):
        lightning.Trainer(**QUIET).fit(module, rows)
    assert module.reweigher.report.step == 8
    assert module.reweigher._optimizer is module.trainer.optimizers[0]


def test_without_a_fit_there_is_no_reweigher():
    with pytest.raises(BadInput, match="no fit is under way: strategy='ddp_spawn' brings back the parameters alone"):
        _ = Student().reweigher


def test_several_optimizers_with_a_rule_that_learns_get_a_sentence():
    class Two(Student):
        automatic_optimization = False

        def configure_optimizers(self):
            return [torch.optim.SGD(layer.parameters(), lr=0.1) for layer in (self.layers[0], self.layers[2])]

    with pytest.raises(BadInput, match="the module has several optimizers"):
        _fit(lambda: Two(MetaWeightNet(hidden=4)))


def test_steps_that_a_scaler_may_leave_out_are_refused_for_rules_that_learn():
    from lightning.pytorch.plugins import MixedPrecision

    scaled = {"plugins": [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))]}
    with pytest.raises(BadInput, match="precision='16-mixed' leaves out steps"):
        _fit(lambda: Student(MetaWeightNet(hidden=4)), **scaled)
    module, _ = _fit(Student, **scaled)
    assert module.reweigher.report.step == 4


@pytest.mark.parametrize("rule", [L2RW, lambda: MetaWeightNet(hidden=4)])
def test_a_checkpoint_in_the_middle_of_accumulated_training_resumes_as_going_on(tmp_path, rule):
    def run(epochs, **settings):
        torch.manual_seed(0)
        module = Student(rule())
        trainer = lightning.Trainer(**QUIET | {"max_epochs": epochs, "accumulate_grad_batches": 2})
        trainer.fit(module, DataLoader(data.listed(NOISY), batch_size=20), **settings)
        return module, trainer

    run(1)[1].save_checkpoint(tmp_path / "one.ckpt")
    resumed, whole = run(2, ckpt_path=tmp_path / "one.ckpt")[0], run(2)[0]
    assert resumed.reweigher.report.step == whole.reweigher.report.step == 8
    for p, q in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


@pytest.mark.parametrize("as_batch", [lambda x, y: (x, y), lambda x, y: [x, y], lambda x, y: {"x": x, "y": y, "id": y}])
def test_batches_of_any_form_are_weighed(as_batch):
    class Any(Student):
        def per_example_loss(self, batch):
            x, y = list(batch.values())[:2] if isinstance(batch, dict) else batch
            return F.cross_entropy(self.layers(x), y, reduction="none")

        def configure_reweigher(self):
            clean = [as_batch(*CLEAN.values())]
            return Reweigher(self, type(self).per_example_loss, rule=self.rule, clean=clean)

    torch.manual_seed(0)
    module = Any()
    rows = [as_batch(x, y) for x, y in zip(NOISY["x"], NOISY["y"], strict=True)]
    lightning.Trainer(**QUIET, precision="64-true").fit(module, DataLoader(rows, batch_size=20))
    assert module.reweigher.report.step == 4
