"""The choice of an engine: made once, on a batch that can tell, explained, and taken over by a resumed run."""

import copy
import gc

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import alignments, clean_direction
from reweigh.alignment import AutoEngine, Double, Finite, Forward, Ghost, Student, auto, explain, remembered
from reweigh.alignment.advice import first_that_works
from reweigh.alignment.candidates import CANDIDATES, EVERY
from reweigh.alignment.remembered import choices_for, engine_for
from reweigh.errors import BadInput, EngineRefused


def losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def autocast_losses(model, batch):
    with torch.autocast("cpu", torch.bfloat16):
        return losses(model, batch).float()


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def bag():
    """The fused maximum has no forward-mode rule and no second derivative."""
    torch.manual_seed(1)
    return nn.Sequential(nn.EmbeddingBag(9, 5, mode="max"), nn.Linear(5, 2)).double()


BATCH = torch.randn(6, 3, generator=torch.Generator().manual_seed(2)).double(), torch.arange(6) % 2
TOKENS = torch.randint(9, (6, 4), generator=torch.Generator().manual_seed(3)), torch.arange(6) % 2


def direction_of(model, batch=BATCH):
    return clean_direction(model, losses, batch)


@pytest.fixture
def checks(monkeypatch):
    """The engines that were checked, in order."""
    seen, real = [], auto.check

    def counted(engine, task, direction, **how):
        seen.append(repr(engine))
        return real(engine, task, direction, **how)

    monkeypatch.setattr(auto, "check", counted)
    return seen


def test_the_cheapest_that_is_right_is_taken_and_checked(checks):
    model = mlp()
    choice, direction = AutoEngine("auto"), direction_of(model)
    assert choice.explain() == "engine='auto': not chosen yet, that happens at the first batch"
    for _ in range(20):
        choice.backward(Student(model, losses).on(BATCH), direction, lambda along, own: along)
    assert checks == ["Ghost()"]
    assert isinstance(choice.chosen, Ghost)
    first, identity, shared = choice.explain().splitlines()
    assert first == "engine='auto' uses Ghost()"
    assert "Ghost(): the adjoint identity holds to" in identity
    assert "(1e-08 is allowed in float64)" in identity
    assert "one pass serves weights and training (gradients agree to" in shared


@pytest.mark.parametrize(
    ("asked", "kind"),
    [("auto", Ghost), ("ghost", Ghost), ("forward", Forward), ("finite", Finite), ("double", Double)],
)
def test_what_is_asked_for_is_taken(asked, kind):
    model = mlp()
    choice = AutoEngine(asked)
    choice.alignments(Student(model, losses).on(BATCH), direction_of(model))
    assert type(choice.chosen) is kind
    assert choice.explain().startswith(f"engine={asked!r} uses {kind.__name__}(")


@pytest.mark.parametrize("asked", ["magic", "", "Ghost", "checked"])
def test_an_unknown_name_is_refused_at_once(asked):
    with pytest.raises(BadInput, match="choose 'auto', 'ghost', 'forward', 'finite', 'double'") as caught:
        AutoEngine(asked)
    assert repr(asked) in str(caught.value)


def test_auto_falls_to_the_finite_difference_and_says_why():
    model = bag()
    choice = AutoEngine("auto")
    along = choice.alignments(Student(model, losses).on(TOKENS), direction_of(model, TOKENS))
    assert repr(choice.chosen) == "Finite(step=None)"
    first, ghost, refused, taken = choice.explain().splitlines()
    assert first == "engine='auto' uses Finite(step=None)"
    assert "Ghost(): engine 'ghost' cannot go through 0 (EmbeddingBag)" in ghost
    assert "Forward(): engine 'forward' cannot go through 0 (EmbeddingBag)" in refused
    assert "Finite(step=None): the adjoint identity holds" in taken
    assert bool(along.any())


def test_a_name_that_cannot_be_right_is_refused_with_a_remedy():
    model = bag()
    with pytest.raises(EngineRefused, match=r"'forward' cannot go through 0 \(EmbeddingBag\).*engine='finite' works"):
        alignments(model, losses, TOKENS, direction_of(model, TOKENS), engine="forward")


def test_under_autocast_the_finite_difference_takes_its_coarse_step():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.Linear(32, 4))
    batch = torch.randn(32, 16), torch.arange(32) % 4
    direction = clean_direction(model, autocast_losses, batch)
    choice = AutoEngine("finite")
    found = choice.alignments(Student(model, autocast_losses).on(batch), direction)
    assert repr(choice.chosen) == "Finite(step=0.1)"
    _, fine, coarse = choice.explain().splitlines()
    assert fine.strip().startswith("Finite(step=None): ")
    assert "the adjoint identity holds only to" in fine
    assert "bfloat16" in coarse
    exact = Forward().alignments(Student(model, losses).on(batch), direction)
    assert float((found - exact).norm() / exact.norm()) < 0.1


@pytest.mark.parametrize("asked", ["auto", "finite", "double"])
def test_nothing_is_decided_on_a_batch_that_cannot_tell(asked):
    model = mlp()
    batch = BATCH[0].clone().index_fill_(0, torch.tensor([2]), float("nan")), BATCH[1]
    choice = AutoEngine(asked)
    choice.alignments(Student(model, losses).on(batch), direction_of(model))
    assert choice.chosen is None
    assert "not chosen yet" in choice.explain()
    choice.alignments(Student(model, losses).on(BATCH), direction_of(model))
    assert choice.chosen is not None


def test_until_a_batch_can_tell_the_safest_engine_serves(monkeypatch):
    asked = []
    monkeypatch.setattr(Double, "alignments", lambda self, task, v: asked.append(1) or torch.zeros(6).double())
    AutoEngine("auto").alignments(Student(mlp(), lambda m, b: 0 * losses(m, b)).on(BATCH), direction_of(mlp()))
    assert asked == [1]


def test_an_undecided_batch_still_gets_its_gradient():
    model = mlp()
    zero = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    choice = AutoEngine("auto")
    choice.backward(Student(model, losses).on(BATCH), zero, lambda along, own: torch.ones_like(own))
    twin = mlp()
    losses(twin, BATCH).sum().backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


@pytest.mark.parametrize("model_and_batch", [(mlp, BATCH), (bag, TOKENS)], ids=["ghost", "finite"])
def test_a_choice_is_taken_over(model_and_batch, checks):
    make, batch = model_and_batch
    model = make()
    one = AutoEngine("auto")
    one.backward(Student(model, losses).on(batch), direction_of(model, batch), lambda along, own: along)
    state = one.state_dict()
    checks.clear()
    other = AutoEngine("auto")
    other.load_state_dict(copy.deepcopy(state))
    assert repr(other.chosen) == repr(one.chosen)
    assert other.explain() == one.explain() + "\n  taken over from a checkpoint"
    other.backward(Student(model, losses).on(batch), direction_of(model, batch), lambda along, own: along)
    assert checks == [repr(one.chosen)]  # it has to pass again, and comes first
    assert repr(other.chosen) == repr(one.chosen)
    assert one.state_dict() == state  # lists are copies


def test_the_coarse_step_is_taken_over():
    state = {
        "asked": "auto",
        "chosen": ["finite", 0.1],
        "told": ["because"],
        "identity": "",
        "sharing": "",
        "shares": None,
    }
    choice = AutoEngine("auto")
    choice.load_state_dict(state)
    assert repr(choice.chosen) == "Finite(step=0.1)"
    assert state["told"] == ["because"]


def test_a_choice_made_for_another_request_or_none_is_not_taken_over():
    model = mlp()
    one = AutoEngine("finite")
    one.alignments(Student(model, losses).on(BATCH), direction_of(model))
    other = AutoEngine("double")
    other.load_state_dict(one.state_dict())
    assert other.chosen is None
    other.load_state_dict(AutoEngine("double").state_dict())
    assert other.chosen is None


def test_a_wrapped_model_does_not_share_its_pass():
    model = mlp()
    choice = AutoEngine("forward")
    choice.backward(Student(nn.DataParallel(model), losses).on(BATCH), direction_of(model), lambda along, own: along)
    assert choice.state_dict()["shares"] is None
    assert "one pass" not in choice.explain()


def test_a_check_is_believed_for_as_long_as_the_circumstances_stay(checks):
    model = mlp()
    direction = direction_of(model)
    choice = engine_for(Student(model, losses).on(BATCH), "auto")
    assert engine_for(Student(model, autocast_losses).on(BATCH), "auto") is choice
    assert engine_for(Student(model, losses).on(BATCH), "double") is not choice

    def checked(loss=losses, layers=None, batch=BATCH):
        checks.clear()
        for _ in range(8):
            choice.alignments(Student(model, loss, layers).on(batch), direction)
        return len(checks)

    assert checked() == 1
    assert checked() == 0
    assert checked(layers="0") == 1
    assert checked(lambda m, b: losses(m, b)) == 1
    model.eval()
    assert checked() == 1
    model.train()
    assert checked() == 0
    model[0].requires_grad_(False)
    assert checked() == 1
    model[0].requires_grad_(True)
    model[1].register_forward_hook(lambda *_: None)
    assert checked() == 1
    assert checked(batch=(BATCH[0][:3], BATCH[1][:3])) == 1  # as wide as the batch is long: another kind of shapes
    assert len(choices_for(model)) == 2


@pytest.mark.parametrize("fused", [False, True], ids=["apart", "fused"])
def test_a_model_that_starts_to_mix_examples_gets_another_engine(fused):
    """Exact in eval mode, where it was chosen; in train mode batch normalisation mixes the examples."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).double().eval()
    choice, direction = AutoEngine("auto"), direction_of(model)

    def along():
        task = Student(model, losses).on(BATCH)
        if not fused:
            return choice.alignments(task, direction)
        seen = []
        choice.backward(task, direction, lambda a, own: seen.append(a) or torch.ones_like(a))
        return seen[0]

    along()
    assert isinstance(choice.chosen, Ghost)
    model.train()
    for _ in range(2):
        torch.testing.assert_close(along(), Forward().alignments(Student(model, losses).on(BATCH), direction))
    assert isinstance(choice.chosen, Forward)
    assert "Ghost(): engine 'ghost' cannot go through 1 (BatchNorm1d)" in choice.explain()
    model.eval()
    along()
    assert isinstance(choice.chosen, Ghost)


def test_a_named_engine_is_not_replaced():
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)).double().eval()
    choice, direction = AutoEngine("ghost"), direction_of(model)
    choice.alignments(Student(model, losses).on(BATCH), direction)
    model.train()
    with pytest.raises(EngineRefused, match="engine='forward' works"):
        choice.alignments(Student(model, losses).on(BATCH), direction)


def test_an_engine_object_is_taken_as_it_is():
    engine = Finite(1e-3)
    model = mlp()
    assert engine_for(Student(model, losses).on(BATCH), engine).chosen is engine
    assert choices_for(model) == []


def test_no_more_than_a_few_manners_are_kept_and_none_for_a_model_that_is_gone():
    model = mlp()
    direction = direction_of(model)
    held = [lambda m, b, i=i: losses(m, b) for i in range(20)]
    for loss in held:
        alignments(model, loss, BATCH, direction)
    assert len(choices_for(model)[0]._manners) == 16
    before = len(remembered._remembered)
    del model
    gc.collect()
    assert len(remembered._remembered) < before


def test_explain_of_a_model():
    model = mlp()
    assert explain(model) == "no alignments of this model so far"
    direction = direction_of(model)
    alignments(model, losses, BATCH, direction)
    alignments(model, losses, BATCH, direction, engine="double")
    told = explain(nn.DataParallel(model))
    assert "engine='auto' uses Ghost()" in told
    assert "engine='double' uses Double()" in told


def test_first_that_works_leaves_one_out():
    assert first_that_works(Student(mlp(), losses).on(BATCH), leaving_out="ghost") == "forward"
    assert first_that_works(Student(mlp(), losses).on(BATCH), leaving_out="finite") == "ghost"
    assert first_that_works(Student(bag(), losses).on(TOKENS), leaving_out="double") == "finite"
    assert first_that_works(Student(bag(), losses).on(TOKENS), leaving_out="finite") is None


def test_engines_have_settings_and_no_state():
    before = [dict(vars(engine)) for engine in EVERY]
    model = mlp()
    for asked in CANDIDATES:
        AutoEngine(asked).backward(
            Student(model, losses).on(BATCH), direction_of(model), lambda along, own: torch.ones_like(own)
        )
    assert [vars(engine) for engine in EVERY] == before
