"""Parameters spread over ranks by `fully_shard`: what is left as found, what is said, what is kept, and what ends."""

import io
import time

import pytest
import torch
from torch import nn

from reweigh import L2RW, Learning, MetaWeightNet, Reweigher, alignments, clean_direction
from reweigh import sharded as spread
from reweigh.errors import BadInput, EngineRefused, NonFinite
from sharded_on_two import FOLDER, on_two
from sharded_scenes import Scene, rows, scene, sharded, whole
from two_ranks import on_ranks

CLEAN, TRAIN = 6, 8


def ours(rank, batch, sizes=None):
    return rows(batch, sizes or [len(batch["y"]) // 2] * 2, rank)


def reweigher(made, rank, rule=None, **options):
    clean = [ours(rank, made.batch(CLEAN, 9))]
    return Reweigher(made.model, made.loss, rule=rule or L2RW(), clean=clean, **options)


def the_error_of(call, *kinds):
    try:
        call()
    except kinds as error:
        return type(error).__name__, str(error)
    return "nothing", ""


def numbers(rank):
    """What is worked out over parts, beside the same of whole tensors."""
    made = scene("mlp")
    whole_ones = [p.detach().clone() for p in made.model.parameters()]
    spread_ones = [p.detach() for p in sharded(made).parameters()]
    pairs, zeros = zip(spread_ones, whole_ones, strict=True), spread.spread_as(torch.eye(7, 6), spread_ones[0])
    return {
        "norms": (spread.norms(spread_ones), spread.norms(whole_ones)),
        "products": [(spread.product(p, p), float(w.square().sum())) for p, w in pairs],
        "anything": [spread.anything(p) for p in (spread_ones[0], torch.zeros_like(spread_ones[0]))],
        "one number": spread.anything(spread.spread_as(torch.eye(7, 6)[:, :1].expand(7, 6) * 1.0, spread_ones[0])),
        "differ": [spread.differ(spread_ones[0], 1.0 * spread_ones[0]), spread.differ(spread_ones[0], -spread_ones[0])],
        "finite": [spread.finite(p) for p in (spread_ones[0], spread_ones[0] / zeros)],
        "mean": spread.whole(spread.mean_spread_as(torch.full((7, 6), 1.0 + rank), spread_ones[0]), torch.float64),
        "back": torch.equal(
            spread.whole(spread.spread_as(whole_ones[0], spread_ones[0]), torch.float64), whole_ones[0]
        ),
    }


def as_found(rank):
    """A call of `weigh` in the middle of accumulating gradients, one of them not yet summed over ranks."""
    made = scene("tied")
    sharded(made)
    made.model.set_requires_gradient_sync(False)
    batch = ours(rank, made.batch(TRAIN, 3))
    made.loss(made.model, batch).mean().backward()
    by_rule = reweigher(made, rank)
    by_rule.weigh(ours(rank, made.batch(TRAIN, 1)))
    before = whole(made.model), torch.get_rng_state()
    with torch.no_grad():
        made.loss(made.model, batch)  # leaves the outermost parameters gathered
    by_rule.weigh(ours(rank, made.batch(TRAIN, 1)))
    after = whole(made.model), torch.get_rng_state()
    made.model.set_requires_gradient_sync(True)
    made.loss(made.model, batch).mean().backward()
    accumulated = whole(made.model)
    made.model.zero_grad()
    (2 * made.loss(made.model, batch).mean()).backward()
    return before, after, accumulated, whole(made.model)


def bad_number(rank):
    """One rank's example is not finite; both stop, and go on with the next batch."""
    made = scene("mlp")
    sharded(made)
    by_rule = reweigher(made, rank)
    bad = made.batch(TRAIN, 1)
    bad["x"][6] = float("nan")
    before = whole(made.model)
    said = the_error_of(lambda: by_rule.backward(ours(rank, bad)), NonFinite)
    assert whole(made.model).keys() == before.keys()
    after = by_rule.backward(ours(rank, made.batch(TRAIN, 1))).weights
    clean = made.batch(CLEAN, 9)
    clean["x"][4] = float("inf")
    other = Reweigher(made.model, made.loss, rule=L2RW(), clean=[ours(rank, clean)])
    return said, after, the_error_of(lambda: other.weigh(ours(rank, made.batch(TRAIN, 1))), NonFinite)


def own_error(rank):
    """A user's error on all ranks in the middle of the model reaches the user, and leaves nothing half done."""
    made = scene("mlp")
    sharded(made)
    by_rule = reweigher(made, rank)
    wrong = ours(rank, made.batch(TRAIN, 1))
    said = the_error_of(lambda: by_rule.weigh({**wrong, "x": wrong["x"][:, :5]}), RuntimeError)
    by_rule.weigh(wrong)
    handle = made.model[3].register_forward_pre_hook(lambda *_: 1 / 0)
    late = the_error_of(lambda: by_rule.weigh(wrong), ZeroDivisionError)
    handle.remove()
    weights = by_rule.backward(wrong).weights
    return said, late, weights, [type(p).__name__ for p in made.model.parameters()]


class Hidden(torch.autograd.Function):
    """Has no forward rule."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, g):
        return 2 * ctx.saved_tensors[0] * g


class Squares(nn.Module):
    def forward(self, x):
        return Hidden.apply(x)


def engines(rank):
    """What is said of engines that cannot work here, and what is taken where dual numbers cannot pass."""
    said = {}
    for engine in ("ghost", "double"):
        made = scene("mlp")
        sharded(made)
        batch = ours(rank, made.batch(TRAIN, 1))
        said[engine] = the_error_of(lambda: reweigher(made, rank, engine=engine).weigh(batch), EngineRefused)  # noqa: B023
    plain = scene("mlp")
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 5), Squares(), nn.Linear(5, 3)).double()
    made = Scene(model, plain.loss, plain.batch, lambda model: [model[0], model])
    sharded(made)
    said["forward"] = the_error_of(
        lambda: reweigher(made, rank, engine="forward").weigh(ours(rank, made.batch(TRAIN, 1))), EngineRefused
    )
    by_rule = reweigher(made, rank)
    weights = by_rule.weigh(ours(rank, made.batch(TRAIN, 1)))
    return said, by_rule.explain(), weights


def refusals(rank):
    """Parameters that are spread otherwise."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import distribute_tensor

    made = scene("mlp")
    mesh = init_device_mesh("cpu", (2,))
    made.model[0].weight = nn.Parameter(distribute_tensor(made.model[0].weight.detach(), mesh))
    by_hand = the_error_of(lambda: reweigher(made, rank).weigh(ours(rank, made.batch(TRAIN, 1))), BadInput)
    made = scene("mlp")
    halves = init_device_mesh("cpu", (2, 1), mesh_dim_names=("outer", "inner"))
    sharded(made, mesh=halves["inner"])
    return by_hand, the_error_of(lambda: reweigher(made, rank).weigh(ours(rank, made.batch(TRAIN, 1))), BadInput)


def in_bfloat16(rank):
    """Under a policy of mixed precision: weights, and the type of the gradients."""
    from torch.distributed.fsdp import MixedPrecisionPolicy

    found = {}
    for name in ("mlp", "tied"):
        made = scene(name, torch.float32)
        sharded(made, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32))
        weights = reweigher(made, rank).backward(ours(rank, made.batch(TRAIN, 1))).weights
        found[name] = weights, [p.grad.dtype for p in made.model.parameters() if p.grad is not None]
    return found


def functions(rank):
    """The two functions, and a direction that is given whole."""
    made = scene("tied")
    sharded(made)
    v = clean_direction(made.model, made.loss, ours(rank, made.batch(CLEAN, 9)))
    train = ours(rank, made.batch(TRAIN, 1))
    found = alignments(made.model, made.loss, train, v)
    everywhere = {name: spread.whole(g, g.dtype) for name, g in v.items()}
    last = alignments(made.model, made.loss, train, v, layers="blocks.1")
    return everywhere, found, alignments(made.model, made.loss, train, everywhere), last


def replicated(rank):
    """Spread over one dimension of a mesh and repeated over the other."""
    from torch.distributed.device_mesh import init_device_mesh

    made = scene("mlp")
    sharded(made, mesh=init_device_mesh("cpu", (2, 1), mesh_dim_names=("replicate", "shard")))
    weights = reweigher(made, rank).backward(ours(rank, made.batch(TRAIN, 1))).weights
    return weights, whole(made.model)


def kept(rank, folder):
    """A checkpoint by `torch.distributed.checkpoint`, and how training goes on from it; and a state of another kind."""
    from torch.distributed import checkpoint

    made = scene("mlp")
    sharded(made)
    optimizer = torch.optim.SGD(made.model.parameters(), lr=0.1)
    by_rule = reweigher(made, rank, clean_average=0.5)
    steps(made, optimizer, by_rule, lambda batch: ours(rank, batch), range(2))
    state = io.BytesIO()
    torch.save(by_rule.state_dict(), state)
    checkpoint.save({"model": made.model.state_dict(), "reweigher": state.getvalue()}, checkpoint_id=folder)
    there = steps(made, optimizer, by_rule, lambda batch: ours(rank, batch), range(2, 4))
    return there, whole(made.model), state.getvalue()


def goes_on(made, part, folder, spread_it):
    """From that checkpoint, on any number of ranks."""
    from torch.distributed import checkpoint

    with torch.no_grad():
        for p in made.model.parameters():
            p.zero_()
    spread_it(made)
    optimizer = torch.optim.SGD(made.model.parameters(), lr=0.1)
    clean = [part(made.batch(CLEAN, 9))]
    by_rule = Reweigher(made.model, made.loss, rule=L2RW(), clean=clean, clean_average=0.5)
    found = {"model": made.model.state_dict(), "reweigher": b""}
    checkpoint.load(found, checkpoint_id=folder)
    made.model.load_state_dict(found["model"])
    by_rule.load_state_dict(torch.load(io.BytesIO(found["reweigher"]), weights_only=True))
    return steps(made, optimizer, by_rule, part, range(2, 4)), whole(made.model)


def goes_on_with_three(rank, folder):
    return goes_on(scene("mlp"), lambda batch: rows(batch, [len(batch["y"]) - 4, 2, 2], rank), folder, sharded)


def steps(made, optimizer, by_rule, part, seeds):
    for seed in seeds:
        optimizer.zero_grad()
        weights = by_rule.backward(part(made.batch(TRAIN, seed))).weights
        optimizer.step()
    return weights


def between(rank):
    """What a rule has learnt whose state was given back to the same rank in the middle of its horizon, or was not."""
    return [between_steps(rank, given_back) for given_back in (False, True)]


def between_steps(rank, given_back):
    made = scene("mlp")
    sharded(made)
    optimizer = torch.optim.Adam(made.model.parameters(), lr=0.02)
    options = {"optimizer": optimizer, "learning": Learning(horizon=3)}
    by_rule = reweigher(made, rank, MetaWeightNet(), **options)
    for seed in range(3):
        optimizer.zero_grad()
        by_rule.backward(ours(rank, made.batch(TRAIN, seed)))
        optimizer.step()
        by_rule.after_step()
        if seed == 1 and given_back:
            state = io.BytesIO()
            torch.save(by_rule.state_dict(), state)
            by_rule = reweigher(made, rank, MetaWeightNet(), **options)
            by_rule.load_state_dict(torch.load(io.BytesIO(state.getvalue()), weights_only=False))
    return by_rule.rule.state_dict()["net"]


QUESTIONS = {
    function.__name__: function
    for function in (
        numbers, as_found, bad_number, own_error, engines, refusals, in_bfloat16, functions, replicated, between,
    )
}  # fmt: skip


def alone(name, dtype=torch.float64):
    """The same scene in one process: the reweigher, its weights and the model after `backward`."""
    made = scene(name, dtype)
    by_rule = Reweigher(made.model, made.loss, rule=L2RW(), clean=[made.batch(CLEAN, 9)])
    return made, by_rule.backward(made.batch(TRAIN, 1)).weights, whole(made.model)


def both(question, *path):
    """What the ranks have found, put together."""
    found = []
    for rank in on_two():
        value = rank[question]
        for key in path:
            value = value[key]
        found.append(value)
    return torch.cat(found)


def test_numbers_over_all_parts():
    for rank in on_two():
        found = rank["numbers"]
        torch.testing.assert_close(*found["norms"])
        for mine, whole_one in found["products"]:
            assert mine == pytest.approx(whole_one)
        assert found["anything"] == [True, False]
        assert found["one number"] is True
        assert found["differ"] == [False, True]
        assert found["finite"] == [True, False]
        assert torch.equal(found["mean"], torch.full((7, 6), 1.5, dtype=torch.float64))
        assert found["back"]


def test_a_call_leaves_all_as_found():
    for rank in on_two():
        (before, generator), (after, generator_after), accumulated, twice = rank["as_found"]
        assert torch.equal(generator, generator_after)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert any(key.endswith(".grad") for key in twice)
        assert all(torch.allclose(accumulated[key], twice[key], atol=1e-12) for key in twice)


def test_a_bad_number_of_one_rank_stops_all():
    (first, second) = (rank["bad_number"] for rank in on_two())
    assert first[0][0] == second[0][0] == "NonFinite"
    assert "another rank" in first[0][1]
    assert "ids [6]" in second[0][1]
    assert torch.allclose(torch.cat([first[1], second[1]]) / 2, alone("mlp")[1], atol=1e-12)
    assert all(rank[2][0] == "NonFinite" and "clean loss or its gradient" in rank[2][1] for rank in (first, second))


def test_a_users_error_reaches_the_user():
    for rank in on_two():
        said, late, weights, kinds = rank["own_error"]
        assert "mat1 and mat2" in said[1]
        assert late == ("ZeroDivisionError", "division by zero")
        assert weights.isfinite().all()
        assert set(kinds) == {"DTensor"}


def test_engines_that_cannot_work_name_one_that_can():
    for rank in on_two():
        said, told, weights = rank["engines"]
        for engine in ("ghost", "double"):
            assert said[engine][0] == "EngineRefused"
            assert f"engine {engine!r} cannot go through fully_shard" in said[engine][1]
            assert said[engine][1].endswith("engine='forward' works for this model")
        assert "1 (Squares)" in said["forward"][1]
        assert said["forward"][1].endswith("engine='finite' works for this model")
        assert "uses Finite" in told
        assert weights.isfinite().all()


def test_parameters_spread_otherwise_are_refused():
    for rank in on_two():
        by_hand, parted = rank["refusals"]
        assert by_hand[0] == parted[0] == "BadInput"
        assert "'0.weight' is a DTensor that fully_shard does not know of" in by_hand[1]
        assert "is spread over 1 of 2 ranks" in parted[1]


def test_mixed_precision_is_honoured():
    for name in ("mlp", "tied"):
        weights = both("in_bfloat16", name, 0) / 2
        assert weights.dtype == torch.float32 or weights.dtype == torch.bfloat16
        assert float((weights.float() - alone(name, torch.float32)[1]).abs().max()) < 0.03
        for rank in on_two():
            assert set(rank["in_bfloat16"][name][1]) == {torch.float32}


def test_the_functions_give_what_they_give_one_process():
    made = scene("tied")
    v = clean_direction(made.model, made.loss, made.batch(CLEAN, 9))
    for rank in on_two():
        assert rank["functions"][0].keys() == v.keys()
        assert all(torch.allclose(rank["functions"][0][key], g, atol=1e-12) for key, g in v.items())
    for place, layers in ((1, None), (2, None), (3, "blocks.1")):
        there = alignments(made.model, made.loss, made.batch(TRAIN, 1), v, layers=layers)
        assert torch.allclose(both("functions", place), there, atol=1e-12)


def test_repeated_over_another_dimension_of_the_mesh():
    _, weights, params = alone("mlp")
    assert torch.allclose(both("replicated", 0) / 2, weights, atol=1e-12)
    for rank in on_two():
        assert all(torch.allclose(rank["replicated"][1][key], value, atol=1e-12) for key, value in params.items())


def test_a_checkpoint_serves_any_number_of_ranks():
    """It holds nothing spread: loaded without a process group, by one process, it goes on as the two ranks have."""
    there, params, state = zip(*(rank["kept"] for rank in on_two()), strict=True)
    assert state[0] == state[1]
    weights, found = goes_on(scene("mlp"), lambda batch: batch, FOLDER, lambda made: made.model)
    assert torch.allclose(torch.cat(there) / 2, weights, atol=1e-12)
    assert all(torch.allclose(found[key], value, atol=1e-12) for key, value in params[0].items())


@pytest.mark.slow
def test_a_checkpoint_of_two_ranks_serves_three():
    there = torch.cat([rank["kept"][0] for rank in on_two()]) / 2
    found = torch.cat([weights for weights, _ in on_ranks(3, goes_on_with_three, FOLDER)]) / 3
    assert torch.allclose(there, found, atol=1e-12)


def test_a_rule_goes_on_in_the_middle_of_its_horizon():
    for rank in on_two():
        straight, given_back = rank["between"]
        assert straight.keys() == given_back.keys()
        assert all(torch.equal(straight[key], given_back[key]) for key in straight)


def stumbles(rank):
    made = scene("mlp")
    sharded(made)
    by_rule = reweigher(made, rank)
    for seed in range(3):
        if rank == 1 and seed == 2:
            made = made._replace(loss=None)
            by_rule = Reweigher(made.model, _fails, rule=L2RW(), clean=[ours(rank, made.batch(CLEAN, 9))])
        by_rule.backward(ours(rank, made.batch(TRAIN, seed)))


def _fails(model, batch):
    raise LookupError("rank 1 has no such row")


def test_a_rank_that_fails_ends_all_with_its_own_error():
    begun = time.monotonic()
    with pytest.raises(Exception, match="rank 1 has no such row"):
        on_ranks(2, stumbles)
    assert time.monotonic() - begun < 90  # most of which is importing torch
