"""The laws of tokens, for every engine over the models whose losses are those of tokens."""

import pytest

from laws import tokens as laws
from reweigh import MetaWeightNet
from reweigh.rules import L2RW, RandomRectified, Uniform
from zoo.tokens import TOKEN_CASES

ENGINES = ("forward", "finite", "double", "auto")
each_case = pytest.mark.parametrize("case", TOKEN_CASES, ids=str)
each_engine = pytest.mark.parametrize("engine", ENGINES)


@each_engine
@each_case
def test_alignments_of_tokens_are_those_of_a_loop(case, engine):
    laws.tokens_agree_with_the_loop(case, engine)


@each_engine
@each_case
def test_alignments_of_tokens_add_up_to_their_example(case, engine):
    laws.tokens_add_up_to_their_example(case, engine)


@each_case
def test_ghost_refuses_and_names_an_engine_that_works(case):
    laws.ghost_refuses_tokens(case)


@each_engine
@each_case
def test_pads_never_change_a_weight(case, engine):
    laws.pads_change_nothing(case, engine)


@pytest.mark.parametrize("engine", ["forward", "double", "auto"])
@each_case
def test_a_zero_weight_equals_an_absent_token(case, engine):
    laws.zero_weight_is_an_absent_token(case, engine)


RULES = {
    "l2rw": (L2RW, {}),
    "random": (RandomRectified, {}),
    "uniform": (Uniform, {}),
    "meta-weight-net": (MetaWeightNet, {"optimizer": lambda optimizer: optimizer}),
    "l2rw, zeros skipped": (L2RW, {"skip_zeros": True}),
}


@pytest.mark.parametrize("rule", RULES)
@each_case
def test_a_rule_weighs_tokens_as_examples_of_their_losses(case, rule):
    made, options = RULES[rule]
    laws.weights_are_those_of_flat_losses(case, "forward", made, **options)


@each_engine
@each_case
def test_weighing_apart_does_what_the_fused_pass_does(case, engine):
    laws.apart_is_together(case, engine)
