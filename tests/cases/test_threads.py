"""Two threads that train at once get what each gets alone, or a sentence."""

import os
import threading
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from reweigh import L2RW, Learning, Reweigher, alignments, clean_direction
from reweigh.errors import BadInput
from reweigh.rules import DeepInteraction, MetaWeightNet


def batch_of(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=draw), "y": torch.randint(3, (n,), generator=draw)}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def net(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


_ONE_AT_A_TIME = threading.Lock()
RULES = {
    "ghost": lambda: (L2RW(), {"engine": "ghost"}),
    "forward": lambda: (L2RW(), {"engine": "forward"}),
    "finite": lambda: (L2RW(), {"engine": "finite"}),
    "double": lambda: (L2RW(), {"engine": "double"}),
    "auto": lambda: (L2RW(), {}),
    "curve": lambda: (MetaWeightNet(hidden=4), {}),
    "teacher": lambda: (DeepInteraction(3, width=3, hidden=4), {"learning": Learning(horizon=2)}),
}


def trained(kind, seed, start=None, steps=8):
    """Parameters after some steps, and what is said of the engine."""
    rule, settings = RULES[kind]()
    with _ONE_AT_A_TIME:  # models are drawn from the process's one generator
        model = net(seed)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    if kind in ("curve", "teacher"):
        settings["optimizer"] = optimizer
    by = Reweigher(model, loss, rule=rule, clean=batch_of(6, 9 + seed), **settings)
    if start is not None:
        start.wait()
    for k in range(steps):
        optimizer.zero_grad()
        by.backward(batch_of(12, 100 * seed + k))
        optimizer.step()
        by.after_step()
    return [p.detach().clone() for p in model.parameters()], by.explain()


def together(*works):
    """The results of functions that run in a thread each; an error in one is raised here."""
    found, errors = [None] * len(works), []

    def run(k):
        try:
            found[k] = works[k]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(k,), daemon=True) for k in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]
    return found


@pytest.mark.parametrize("kind", RULES)
def test_two_models_in_two_threads_give_what_each_gives_alone(kind):
    warnings.simplefilter("ignore")
    alone = [trained(kind, seed) for seed in (1, 2)]
    start = threading.Barrier(2)
    both = together(lambda: trained(kind, 1, start), lambda: trained(kind, 2, start))
    for (wanted, said), (found, told) in zip(alone, both, strict=True):
        assert told == said
        assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_alignments_and_directions_in_four_threads_are_those_of_one():
    models = [net(seed) for seed in range(4)]

    def work(seed):
        def many():
            found = []
            for k in range(6):
                v = clean_direction(models[seed], loss, batch_of(6, k))
                found.append(alignments(models[seed], loss, batch_of(9, seed), v, engine="forward"))
            return found

        return many

    alone = [work(seed)() for seed in range(4)]
    both = together(*(work(seed) for seed in range(4)))
    for wanted, found in zip(alone, both, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_one_reweigher_asked_by_two_threads_gives_right_weights():
    clean = [batch_of(6, 9)]
    by = Reweigher(net(1), loss, rule=L2RW(), clean=clean, engine="forward")
    wanted = [by.weigh(batch_of(9, seed)) for seed in (1, 2)]
    found = together(*(lambda s=s: [by.weigh(batch_of(9, s)) for _ in range(10)] for s in (1, 2)))
    for right, weights in zip(wanted, found, strict=True):
        assert all(torch.equal(right, w) for w in weights)


def test_a_step_of_another_thread_in_the_middle_of_a_pass_is_told():
    model = net(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    within, moved = threading.Event(), threading.Event()

    def waiting(module, batch):
        if len(batch["y"]) == 9:
            within.set()
            assert moved.wait(30)
        return loss(module, batch)

    by = Reweigher(model, waiting, rule=L2RW(), clean=batch_of(6, 9), engine="forward")
    by.weigh(batch_of(8))

    def step():
        by.weigh(batch_of(8))
        for p in model.parameters():
            p.grad = torch.ones_like(p)
        ready.set()
        assert within.wait(30)
        optimizer.step()
        moved.set()

    ready = threading.Event()

    def weigh():
        assert ready.wait(30)
        return by.weigh(batch_of(9))

    with pytest.raises(BadInput, match="changed while a batch was being weighed"):
        together(step, weigh)


def test_an_error_in_one_thread_does_not_keep_the_other_waiting():
    def broken(model, batch):
        raise ZeroDivisionError

    def fails():
        with pytest.raises(ZeroDivisionError):
            Reweigher(net(1), broken, rule=L2RW(), clean=batch_of(6), engine="forward").weigh(batch_of(9))
        return True

    assert together(fails, lambda: trained("forward", 2) is not None) == [True, True]


def test_a_loader_of_processes_in_one_thread_while_another_weighs():
    """The other thread does nothing but weigh: a process forked while it is in an operation of its own hangs in PyTorch."""
    dataset = TensorDataset(torch.randn(24, 6), torch.randint(3, (24,)))
    other, batch = Reweigher(net(2), loss, rule=L2RW(), clean=batch_of(6), engine="forward"), batch_of(12)

    def work():
        by = Reweigher(
            net(1), lambda m, b: loss(m, {"x": b[0], "y": b[1]}), rule=L2RW(),
            clean=DataLoader(dataset, batch_size=6, num_workers=1), engine="forward",
        )  # fmt: skip
        return [by.weigh(batch) for batch in DataLoader(dataset, batch_size=12, num_workers=1)]

    assert [len(found) for found in together(work, lambda: [other.weigh(batch) for _ in range(8)])] == [2, 8]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_while_another_thread_is_in_a_pass_can_weigh():
    within, done = threading.Event(), threading.Event()

    def slow(model, batch):
        within.set()
        done.wait(0.3)
        return loss(model, batch)

    def long():
        by = Reweigher(net(1), slow, rule=L2RW(), clean=batch_of(6), engine="forward")
        return by.weigh(batch_of(9))

    def fork():
        assert within.wait(30)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                by = Reweigher(net(1), loss, rule=L2RW(), clean=batch_of(6), engine="forward")
                code = 0 if bool(by.weigh(batch_of(9)).isfinite().all()) else 2
            finally:
                os._exit(code)
        for _ in range(600):
            if os.waitpid(child, os.WNOHANG)[0]:
                return True
            done.wait(0.05)
        os.kill(child, 9)
        return False

    found = together(long, fork)
    done.set()
    assert found[1]
