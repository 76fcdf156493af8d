"""Steps of a number of tokens: batches are put together within an epoch, and a run of them is one of larger batches."""

import pytest
import torch

import reweigh
from own_translator import own
from reweigh.errors import BadInput
from reweigh.run import Callback
from reweigh.run.job.accumulation import together
from reweigh.run.start import start
from reweigh.settings import Settings
from reweigh.tasks import Translation
from reweigh.tasks.language_model import IGNORED

from ..conftest import Nobody


def trained(files, **more):
    said = {"source": "de", "target": "en", "rule": "l2rw", "optimizer": "sgd", "lr": 0.5, "schedule": "constant"}
    said |= {"lr_warm_up": 0, "clean_batch_size": 20, "contrast": "none", "model": own, "quick": True, "verbose": False}
    data = {"train": files / "pairs.tsv", "clean": files / "checked.tsv", "test": files / "new.tsv"}
    return reweigh.fit(**data, **{**said, **more})


def steps(lengths, tokens):
    task, batches = Translation(tuple("_^$ab")), []
    for number, size in enumerate(lengths):
        y = torch.full((2, 8), IGNORED)
        y[0, :size] = 3
        batches.append((torch.tensor([2 * number, 2 * number + 1]), {"x": y, "y": y}))
    return [(rows.tolist(), len(parts)) for rows, parts in together(batches, task, tokens)]


def test_batches_are_put_together_until_they_have_so_many_tokens():
    assert steps([3, 3, 4, 8, 1], 6) == [([0, 1, 2, 3], 2), ([4, 5, 6, 7], 2), ([8, 9], 1)]
    assert [count for _, count in steps([3, 3], 1)] == [1, 1]
    assert [count for _, count in steps([3, 3], 100)] == [2]
    assert steps([], 5) == []


@pytest.mark.parametrize("rule", ["l2rw", "smoothed", "uniform"])
def test_a_run_of_steps_of_several_batches_is_one_of_larger_batches(rule, files):
    whole = trained(files, rule=rule, batch_size=1000, epochs=3)
    parts = trained(files, rule=rule, batch_size=16, epochs=3, accumulate_tokens=10**6)
    fresh = trained(files, rule=rule, batch_size=16, epochs=3)
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    assert any(
        not torch.allclose(a, b, atol=1e-3)
        for a, b in zip(fresh.model.parameters(), parts.model.parameters(), strict=True)
    )
    one, other = (run.metrics[-1] for run in (whole, parts))
    assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-4)
    assert other["effective_sample_size"] == pytest.approx(one["effective_sample_size"], rel=1e-3)
    assert (one["step"], other["step"]) == (3, 3 * -(-whole.summary["examples"] // 16))


class Broken(Callback):
    def on_epoch(self, line):
        if line["epoch"] == 2:
            raise KeyboardInterrupt


class Steps(Callback):
    def __init__(self):
        self.done, self.rows = [], 0

    def on_step(self, step):
        self.done.append(step.done)
        self.rows += len(step.rows)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_ends_with_the_same_bits_and_steps_count_batches(precision, files, tmp_path):
    said = {"batch_size": 16, "epochs": 3, "accumulate_tokens": 150, "model": "translator-tiny", "rule": "smoothed"}
    said |= {"layers": "body", "contrast": "input", "optimizer": "adam", "lr": 0.001, "precision": precision}
    seen = Steps()
    whole = trained(files, **said, callbacks=[seen])
    assert seen.done[-1] == whole.metrics[-1]["step"]
    assert len(seen.done) < seen.done[-1]
    assert seen.rows == 3 * whole.summary["examples"]
    with pytest.raises(KeyboardInterrupt, match="saved in"):
        trained(files, **said, output=tmp_path / "run", callbacks=[Broken()])
    run = reweigh.fit(output=tmp_path / "run", resume=True, quick=True, verbose=False)
    for one, other in zip(whole.model.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_so_many_steps_end_in_the_middle_of_an_epoch(files):
    assert trained(files, batch_size=16, steps=3, accumulate_tokens=10**6).summary["steps"] == 3


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"rule": "meta-weight-net"},
            "meta-weight-net learns from one pass a step, and accumulate_tokens makes several",
        ),
        ({"rule": "rho-loss"}, "cannot be looked into as one"),
        ({"warm_up": 2}, "warm_up counts steps"),
        ({"accumulate_tokens": 0}, "accumulate_tokens is 0"),
    ],
)
def test_what_it_does_not_go_with_is_a_sentence(more, sentence, files, tmp_path):
    said = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    said |= {"batch_size": 16, "steps": 4, "accumulate_tokens": 200, **more}
    with pytest.raises(BadInput, match=sentence) as refused:
        start(Settings.of(**said), tmp_path / "run", Nobody())
    assert "\n" not in str(refused.value)


def test_other_tasks_have_no_tokens():
    x = torch.randn(80, 4).numpy()
    with pytest.raises(BadInput, match="counts the tokens of sequences, and the task is classification"):
        reweigh.fit(
            (x, x[:, 0] > 0), clean=range(40), rule="l2rw", steps=2, quick=True, verbose=False, accumulate_tokens=10
        )
