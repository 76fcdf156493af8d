"""An interrupt at any instruction leaves all as found: a stop button must not cost anybody a model."""

import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from benchmarks.torture import interrupts
from benchmarks.torture.scenes import Layered
from torch import nn
from torch.autograd import forward_ad

import reweigh
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.undo import _notes


def batch_of(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=draw), "y": torch.randint(3, (n,), generator=draw)}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


class Nets:
    dense = staticmethod(lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)))
    plain = staticmethod(lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)))


def interrupt_at(function, line, call):
    """Raise at a line (counted from 1) of a function's frames; whether it came to that."""
    done = []

    def tracer(frame, event, arg):
        if frame.f_code.co_name != function or "reweigh" not in frame.f_code.co_filename:
            return None

        def inside(frame, event, arg):
            if event == "line" and frame.f_lineno - frame.f_code.co_firstlineno == line:
                sys.settrace(None)
                done.append(True)
                raise KeyboardInterrupt
            return inside

        return inside

    sys.settrace(tracer)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return bool(done)


def left(model):
    return [id(p) for p in model.parameters()], {k: v.clone() for k, v in model.state_dict().items()}


def assert_left(model, before):
    assert [id(p) for p in model.parameters()] == before[0]
    after = model.state_dict()
    assert after.keys() == before[1].keys()
    assert all(torch.equal(after[name], value) for name, value in before[1].items())
    assert forward_ad._current_level == -1
    assert torch._C._len_torch_function_stack() == 0
    assert torch.is_grad_enabled()
    assert not any(m._forward_hooks for m in model.modules())
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
@pytest.mark.parametrize("call", ["weigh", "backward"])
def test_an_interrupt_at_some_instruction_of_each_engine_loses_nothing(engine, call):
    kind = Layered
    name = f"{engine}-{call}-{kind.__name__}"
    scenes = {"model": kind, "rule": L2RW, "call": call, "engine": engine}
    interrupts.SCENES.setdefault(name, scenes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not [lost for lost in interrupts.interrupted(name, 4, random.Random(5)) if lost]


@pytest.mark.parametrize(
    "name", ["curve-one-after_step", "teacher-three-after_step", "classes-virtual-weigh", "reverse"]
)
def test_an_interrupt_while_a_rule_learns_leaves_rule_and_student(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert not [lost for lost in interrupts.interrupted(name, 5, random.Random(2)) if lost]


_FEW = (
    "ghost-backward-Layered", "forward-weigh-Dense", "finite-backward-Layered", "double-weigh-Words", "curve-one-after_step",
    "teacher-virtual-backward", "kept-direction",
)  # fmt: skip


def test_sixty_interrupts_at_random_instructions_lose_nothing():
    total = interrupts.run(seed=11, count=60, scenes=_FEW)
    assert total["tried"] == total["kept"] == 60, total["lost"]


@pytest.mark.parametrize("where", ["substituted", "preserve_module_state"])
def test_an_interrupt_at_each_line_of_what_lends_the_model_its_tensors_keeps_it(where):
    """Each line of the context managers, wherever they are written."""
    from reweigh import as_found

    model = Nets.dense()
    by = Reweigher(model, loss, rule=L2RW(), clean=batch_of(5, 9), engine="forward")
    by.backward(batch_of(7))
    place = getattr(as_found, where)
    code = place.change.__code__ if isinstance(place, type) else place.__wrapped__.__code__
    lines = {line - code.co_firstlineno for _, _, line in code.co_lines() if line} - {0}
    model.zero_grad()
    for line in sorted(lines):
        before = left(model)
        interrupt_at(code.co_name, line, lambda: by.weigh(batch_of(7)))
        assert_left(model, before)


def test_an_interrupt_with_the_dual_level_open_does_not_bar_forward_mode_for_good():
    model = Nets.plain()
    v = clean_direction(model, loss, batch_of(5, 9))
    fired = interrupt_at("_dual_pass", 3, lambda: alignments(model, loss, batch_of(7), v, engine="forward"))
    assert fired
    assert forward_ad._current_level == -1
    with forward_ad.dual_level():  # raises where PyTorch's own count went on
        pass
    alignments(model, loss, batch_of(7), v, engine="forward")


def test_an_interrupt_in_the_training_pass_takes_batch_statistics_and_masks_back():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    passes = []

    def stopping(net, batch):
        losses = loss(net, batch)
        if net.training and len(batch["y"]) == 7:
            passes.append(1)
            if len(passes) == stop:
                raise KeyboardInterrupt
        return losses

    stop = -1
    by = Reweigher(model, stopping, rule=reweigh.rules.Uniform(), clean=batch_of(5, 9))
    by.backward(batch_of(7))
    passes.clear()  # the first look, too, passes the model
    before, generator, stop = left(model), torch.get_rng_state(), 1
    gradients = [p.grad.clone() for p in model.parameters()]
    with pytest.raises(KeyboardInterrupt):
        by.backward(batch_of(7, 1))
    assert_left(model, before)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


def test_an_interrupt_takes_the_clean_batch_back_into_the_stream():
    clean = [batch_of(5, 90 + k) for k in range(4)]
    model, seen, stop = Nets.plain(), [], False

    def noting(net, batch):
        seen.append(float(batch["x"].sum()))
        if stop:
            raise KeyboardInterrupt
        return loss(net, batch)

    by = Reweigher(model, loss, clean_loss=noting, rule=L2RW(), clean=clean, engine="forward")
    by.weigh(batch_of(7))
    seen.clear()
    stop = True
    with pytest.raises(KeyboardInterrupt):
        by.weigh(batch_of(7))
    stop = False
    by.weigh(batch_of(7))
    assert seen == [float(clean[1]["x"].sum())] * 2
    assert by.report.step == 2


def test_a_second_interrupt_while_things_are_put_back_does_no_harm():
    model = Nets.dense()
    by = Reweigher(model, loss, rule=L2RW(), clean=batch_of(5, 9), engine="forward")
    by.backward(batch_of(7))
    model.zero_grad()
    before = left(model)

    state = {"second": False}

    def second(*_):
        if not state["second"]:
            state["second"] = True
            raise KeyboardInterrupt

    def twice(net, batch):
        _notes.made.append(second)  # a way back that is interrupted the first time it is taken
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Reweigher(model, twice, clean_loss=loss, rule=L2RW(), clean=batch_of(5, 9), engine="forward").backward(
            batch_of(7)
        )
    assert state["second"]
    assert_left(model, before)
    by.backward(batch_of(7))


_TRAINING = """
import signal, sys, torch, warnings, random
import torch.nn.functional as F
from torch import nn
from torch.autograd import forward_ad
from reweigh import L2RW, Reweigher
warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background is started without
torch.set_num_threads(1); torch.manual_seed(0)
m = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
def loss(m, b): return F.cross_entropy(m(b[0]), b[1], reduction="none")
clean = (torch.randn(9, 6), torch.randint(3, (9,)))
batch = (torch.randn(12, 6), torch.randint(3, (12,)))
by = Reweigher(m, loss, rule=L2RW(), clean=clean, engine=sys.argv[1])
by.backward(batch); m.zero_grad()
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
names = [n for n, _ in m.named_parameters()]
draw, hits = random.Random(int(sys.argv[2])), 0
for k in range(80):
    m.zero_grad()
    before = {n: v.clone() for n, v in m.state_dict().items()}
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, 6e-3))
        by.weigh(batch)
    except KeyboardInterrupt:
        hits += 1
    finally:
        while True:
            try: signal.setitimer(signal.ITIMER_REAL, 0); break
            except KeyboardInterrupt: hits += 1
    assert [n for n, _ in m.named_parameters()] == names
    assert all(torch.equal(v, before[n]) for n, v in m.state_dict().items()), k
    assert forward_ad._current_level == -1 and torch.is_grad_enabled()
    assert torch._C._len_torch_function_stack() == 0
by.weigh(batch)
print("hits", hits)
"""


@pytest.mark.parametrize("engine", ["forward", pytest.param("double", marks=pytest.mark.slow)])
def test_real_signals_from_a_timer_lose_nothing(engine, tmp_path):
    script = tmp_path / "training.py"
    script.write_text(_TRAINING)
    done = subprocess.run(
        [sys.executable, str(script), engine, "3"],
        capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(Path(reweigh.__file__).parents[1]), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 10, "hardly any signal came within a call"


def test_signals_are_as_ever_after_a_call():
    before = signal.getsignal(signal.SIGINT)
    Reweigher(Nets.plain(), loss, rule=L2RW(), clean=batch_of(5, 9)).backward(batch_of(7))
    assert signal.getsignal(signal.SIGINT) is before
