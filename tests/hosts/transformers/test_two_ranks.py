"""`ReweighTrainer` under two processes takes the steps that one takes with both batches."""

import warnings

import pytest
import torch
import transformers
from torch import nn

from host_ranks import on_two_processes
from reweigh import L2RW, Learning, MetaWeightNet
from reweigh.errors import BadInput
from trainers import bert, kind_of, train_plain, train_weighed

RULES = {"l2rw": L2RW, "meta-weight-net": lambda: MetaWeightNet(hidden=4)}


def still(make):
    """The model without dropout, whose masks are each process's own."""

    def made():
        model = make()
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            if isinstance(getattr(part, "dropout", None), float):
                part.dropout = 0.0
        return model

    return made


def plain_sgd(parameters):
    """For the rule: Adam would blow the last bits of a small derivative up to a whole step."""
    return torch.optim.SGD(parameters, lr=5.0)


def trained(folder, size, kind, rule="l2rw", *, rows=12, learning=None, **settings):
    """The parameters, and what the rule has learned, after training with batches of that size, clean ones too."""
    make, all_rows = kind_of(kind)
    more = {"learning": Learning(optimizer=plain_sgd, **(learning or {}))} if rule != "l2rw" else {}
    usual = {"per_device_train_batch_size": size, "train_sampling_strategy": "sequential"}
    trainer = train_weighed(
        folder, still(make), all_rows[:rows], rule=RULES[rule](), clean=all_rows[:8],
        given={"reweigh": {"clean_batch_size": size, **more}}, **{**usual, **settings},
    )  # fmt: skip
    net = getattr(trainer.reweigher.rule, "net", None)
    found = {
        **trainer.model.state_dict(),
        **({} if net is None else {f"rule.{k}": p for k, p in net.state_dict().items()}),
    }
    return {name: p.detach().clone() for name, p in found.items()}


def all_trained(folder, size, cases):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: trained(folder, size, *told[:-1], **told[-1]) for name, told in cases.items()}


def two_are_one(folder, cases):
    one, other = on_two_processes(all_trained, str(folder), 2, cases)
    whole = all_trained(folder, 4, cases)
    for name in cases:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)
        for key, value in whole[name].items():
            told = f"{name}, {key}: {(one[name][key] - value).abs().max()}"
            torch.testing.assert_close(one[name][key], value, rtol=1e-5, atol=1e-6, msg=told)


def test_two_processes_are_one(tmp_path):
    """All in one pair of processes: starting these is what takes the time."""
    cases = {
        "next words": ("next words", {"gradient_accumulation_steps": 2, "max_steps": 2}),
        "tokens": ("tokens", "meta-weight-net", {"gradient_accumulation_steps": 2, "max_steps": 2}),
    }
    two_are_one(tmp_path, cases)


UNEVEN = {"rows": 11, "accelerator_config": {"even_batches": False}}


@pytest.mark.slow
def test_two_processes_are_one_with_every_loss_and_way_of_reading(tmp_path):
    cases = {kind: (kind, {}) for kind in ("single label", "several labels, told", "regression", "answers", "images")}
    cases |= {
        "learnt": ("single label", "meta-weight-net", {}),
        "horizon": ("single label", "meta-weight-net", {"learning": {"horizon": 2}}),
        "virtual": ("single label", "meta-weight-net", {"learning": {"look_ahead": "virtual"}}),
        "accumulated": ("tokens", "meta-weight-net", {"gradient_accumulation_steps": 3, "num_train_epochs": 2}),
        "translation": ("translation", {"gradient_accumulation_steps": 2}),
        "smoothed": ("next words", {"label_smoothing_factor": 0.1}),
        "clipped": ("single label", "meta-weight-net", {"max_grad_norm": 1e-2}),
        "uneven": ("next words", UNEVEN),
        "uneven labels": ("tokens", "meta-weight-net", UNEVEN),
        "shuffled": ("next words", {"train_sampling_strategy": "random"}),
        "Adam": ("single label", {"optim": "adamw_torch", "learning_rate": 1e-3}),
    }
    two_are_one(tmp_path, cases)


def cut_up(folder):
    """Batches of all processes that are cut into parts, by each of them or by the first one alone."""
    settings = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    ways = {"by each": {"split_batches": True}, "by the first": {"split_batches": True, "dispatch_batches": True}}
    return {way: trained(folder, 2, "next words", accelerator_config=told, **settings) for way, told in ways.items()}


@pytest.mark.slow
def test_batches_that_are_cut_into_parts_are_whole_batches(tmp_path):
    one, other = on_two_processes(cut_up, str(tmp_path))
    whole = trained(tmp_path, 4, "next words", gradient_accumulation_steps=2)
    for way in one:
        torch.testing.assert_close(one[way], other[way], rtol=0, atol=0)
        torch.testing.assert_close(one[way], whole, rtol=1e-5, atol=1e-6)


def by_each_processs_words(folder):
    settings = {"average_tokens_across_devices": False, "gradient_accumulation_steps": 2}
    make, rows = kind_of("next words")
    usual = {"per_device_train_batch_size": 2, "train_sampling_strategy": "sequential"}
    weighed = train_weighed(folder, still(make), rows[:12], **usual, **settings)
    plain = train_plain(folder, still(make), rows[:12], **usual, **settings)
    return weighed.model.state_dict(), plain.model.state_dict()


@pytest.mark.slow
def test_words_of_each_process_can_be_averaged_apart_as_in_the_plain_trainer(tmp_path):
    for weighed, plain in on_two_processes(by_each_processs_words, str(tmp_path)):
        torch.testing.assert_close(weighed, plain, rtol=1e-5, atol=1e-6)


TAUGHT = {
    "l2rw": ("next words", "l2rw", {}),
    "learnt": ("single label", "meta-weight-net", {}),
    "horizon": ("single label", "meta-weight-net", {"learning": {"horizon": 2}}),
}
LONG = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": 3}


def from_the_start(folder, size):
    return {name: trained(f"{folder}/{name}", size, *told[:-1], **told[-1], **LONG) for name, told in TAUGHT.items()}


def from_step_three(folder, size):
    """The same from a checkpoint, and what was said."""
    found = {}
    for name, told in TAUGHT.items():
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            resumed = trained(
                f"{folder}/new", size, *told[:-1], **told[-1], **LONG, resume=f"{folder}/{name}/checkpoint-3"
            )
        found[name] = resumed, [str(w.message) for w in said if "fewer steps" in str(w.message)]
    return found


@pytest.mark.slow
def test_a_run_goes_on_in_as_distributed_or_another_number(tmp_path):
    """The rule with a horizon of two stands between its steps, which are each process's own."""
    two, one = tmp_path / "two", tmp_path / "one"
    for folder in (two, one):
        folder.mkdir()
    whole, _ = on_two_processes(from_the_start, str(two), 2)
    from_the_start(one, 4)
    (as_many, _), (more, others) = (on_two_processes(from_step_three, str(folder), 2) for folder in (two, one))
    fewer = from_step_three(two, 4)
    for name in TAUGHT:
        assert as_many[name][1] == []
        torch.testing.assert_close(as_many[name][0], whole[name], rtol=0, atol=0)
        torch.testing.assert_close(more[name][0], others[name][0], rtol=0, atol=0)
        for resumed, said in (more[name], fewer[name]):
            assert len(said) == (name == "horizon")
            if name != "horizon":
                torch.testing.assert_close(resumed, whole[name], rtol=1e-5, atol=1e-6)


class PenalisesOneBatch(transformers.BertForSequenceClassification):
    """A loss of its own for the second process's first batch."""

    def forward(self, input_ids=None, labels=None, **named):
        outputs = super().forward(input_ids, labels=labels, **named)
        if outputs.loss is not None and torch.equal(input_ids[0], kind_of("single label")[1][2]["input_ids"]):
            outputs.loss = outputs.loss + 0.1
        return outputs


def refused(folder):
    """What each of several calls says where it is refused."""
    said = []
    for kind, make, settings in (
        ("next words", None, {"rows": 13, "accelerator_config": {"even_batches": False}}),
        ("single label", lambda: PenalisesOneBatch(bert(num_labels=3).config), {}),
    ):
        told = kind_of(kind)[1][: settings.pop("rows", 12)]
        try:
            train_weighed(
                folder, make or kind_of(kind)[0], told, rule=L2RW(), clean=told[:8], per_device_train_batch_size=2,
                train_sampling_strategy="sequential", **settings,
            )  # fmt: skip
        except BadInput as refusal:
            said.append(str(refusal))
    return said


@pytest.mark.slow
def test_what_one_process_cannot_do_is_refused_by_both(tmp_path):
    for uneven, other_loss in on_two_processes(refused, tmp_path):
        assert uneven.startswith("the processes have 4, 3 batches an epoch")
        assert "usual losses" in other_loss or "another rank met" in other_loss
