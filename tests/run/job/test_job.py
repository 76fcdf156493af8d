"""The parts in concert: rules see what they need, the clean set is what it should be, weights reach the loss."""

import pytest
import torch

from reweigh.rules import registry
from reweigh.run.bench import Bench
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import Means, run_epoch
from reweigh.run.job.prepare import prepare
from reweigh.settings import Settings
from reweigh.settings.usual import resolved


def job_of(**settings):
    settings = {"dataset": "digits", "noise": "background:0.4", "steps": 6, "batch_size": 150, "lr": 0.05, **settings}
    config = resolved(Settings.of(**settings))
    data = prepare(config)
    bench = Bench(config, data)
    return assemble(config, data, judged=lambda: bench.known(data.clean.ids))


@pytest.mark.parametrize("rule", registry.names())
def test_every_rule_trains(rule):
    job = job_of(rule=rule, keep_clean_in_train=True)
    before = [p.clone() for p in job.model.parameters()]
    line = run_epoch(job)
    assert job.reweigher.rule.name == rule
    assert line["step"] == 6
    assert any(not torch.equal(p, q) for p, q in zip(job.model.parameters(), before, strict=True))
    assert (line["auroc"] is None or line["auroc"] != line["auroc"]) == (
        rule in ("uniform", "resampling", "checked-only", "fine-tuned", "drawn")
    )


def test_the_oracle_gives_zero_to_the_wrong_labels_and_only_to_them():
    job = job_of(rule="oracle")
    run_epoch(job)
    seen = job.records.visits > 0
    assert torch.equal(job.records.mean_weight[seen] == 0, job.data.train.corrupted[seen])


def test_resampling_balances_the_classes():
    job = job_of(rule="resampling", imbalance="long-tail:10", clean_per_class=3, noise="none", epochs=40, steps=None)
    for _ in range(40):
        run_epoch(job, test=False)
    visits = torch.zeros(10).index_add_(0, job.data.train.y, job.records.visits.float())
    assert (visits / visits.sum()).tolist() == pytest.approx([0.1] * 10, abs=0.02)


def test_uniform_is_plain_training_bit_for_bit():
    job, plain = job_of(rule="uniform", noise="none", momentum=0.0), job_of(rule="uniform", noise="none")
    run_epoch(job)
    from reweigh.data.sampling import batches, epoch_order
    from reweigh.settings.schedule import learning_rate

    data, config = plain.data.train, plain.config.student
    rows = batches(epoch_order(len(data), seed=0, epoch=0), 150)[:6]
    for step, batch in enumerate(map(data.batch, rows)):
        loss = torch.nn.functional.cross_entropy(plain.model(batch["x"]), batch["y"], reduction="none")
        gradients = torch.autograd.grad(loss, list(plain.model.parameters()), torch.full_like(loss, 1 / len(loss)))
        with torch.no_grad():
            for p, gradient in zip(plain.model.parameters(), gradients, strict=True):
                p.add_(gradient, alpha=-learning_rate(config.schedule, config.lr, step, 6))
    for p, q in zip(job.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_warm_up_steps_are_plain():
    job = job_of(warm_up=6)
    run_epoch(job)
    weights = job.records.mean_weight[job.records.visits > 0]
    assert weights.tolist() == pytest.approx([1.0] * len(weights), abs=1e-5)
    assert len(weights) == int(job.records.visits.sum())


def clean_batches(job):
    """The clean inputs of each step of an epoch."""
    seen, stream = [], job.reweigher._stream
    following = stream.next

    def noting():
        batch = following()
        seen.append(batch["x"])
        return batch

    stream.next = noting
    run_epoch(job)
    return seen


def test_augmentation_changes_the_clean_batches_and_differs_from_step_to_step():
    plain, cropped = clean_batches(job_of()), clean_batches(job_of(augment="crop"))
    assert not torch.equal(plain[0], cropped[0])
    assert plain[0].shape == cropped[0].shape

    def ink(batch):  # does not depend on the order of the images
        return batch.sum((1, 2, 3)).sort().values

    assert torch.allclose(ink(plain[0]), ink(plain[1]))
    assert not torch.allclose(ink(cropped[0]), ink(cropped[1]))


def test_a_length_in_steps_cuts_the_last_epoch_short():
    job = job_of(steps=13)
    assert (job.steps_an_epoch, job.epochs) == (9, 2)
    assert [run_epoch(job)["step"], run_epoch(job)["step"]] == [9, 13]
    assert job.optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * 0.01)


def test_means_skip_what_is_not_known():
    means = Means()
    means.add(a=1.0, b=None)
    means.add(a=3.0, b=float("nan"))
    means.add(a=None, b=5.0)
    assert means.values() == {"a": 2.0, "b": 5.0}
    empty = Means()
    empty.add(c=None)
    assert empty.values() == {"c": None}


def test_workers_that_load_change_nothing():
    def trained(workers):
        job = job_of(augment="crop", workers=workers)
        line = run_epoch(job)
        return line["train_loss"], job.records.mean_weight, [p.detach() for p in job.model.parameters()]

    alone, helped = trained(0), trained(2)
    assert alone[0] == helped[0]
    assert torch.equal(alone[1].nan_to_num(-1), helped[1].nan_to_num(-1))
    assert all(torch.equal(one, other) for one, other in zip(alone[2], helped[2], strict=True))
