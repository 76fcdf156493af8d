"""Recorded passes over the zoo: weights, losses, parameters, buffers and generators are those by Python, step by step."""

import warnings

import pytest

import laws
import laws.captured as captured
from zoo import CASES, named

SERVED = [case for case in CASES if "auto" not in case.refused_by]
# One in three, the others by `make test-slow`: each of their passes is made by Python in the other laws.
SOME = [
    pytest.param(case, id=str(case), marks=[] if k % 3 == 0 else [pytest.mark.slow]) for k, case in enumerate(SERVED)
]
# Which of the engines' own passes are recorded differs little from model to model: some of each kind are enough.
FEW = named(
    "mlp", "batchnorm2d-train", "dropout", "lstm", "encoder-layer-dropout", "tied-language-model", "weight-norm"
)
BY_PYTHON = {
    "a number of a tensor is read": named("batchnorm1d-cumulative", "angular-margin"),
    "tolist()": named("bags-of-instances"),
    "picks by a mask": named("graph-network", "masked-words-gathered"),
    "nonzero()": named("experts-top-two"),
    "_ctc_loss()": named("ctc"),
    "_pack_padded_sequence()": named("gru-packed"),
    "embedding_renorm_()": named("embedding-max-norm"),
    "sparse_coo": named("embedding-sparse"),
    "neither its own nor a buffer": named("momentum-encoder"),
    "in the places of buffers": named("buffer-reassigned"),
    "odd.seen is another at each step": named("keeps-activations"),
    "what a dict holds": named("memory-in-a-dict"),
    "has hooks": named("weight-norm-hook"),
    "came out otherwise": named("checkpointed-blocks"),
    "wrapped or compiled": named("ddp", "compiled"),
}


# The others read numbers by an engine (finite differences take their step from a norm; where examples lie is proven
# in each pass), or for one of the reasons above.
PYTHONS = {case.name for cases in BY_PYTHON.values() for case in cases} | {
    "batch-in-channels", "bags-of-one-size", "compiled-in-place", "compiled-part", "criterion-with-prototypes",
    "ddp-compiled",
    "embedding-bag-max", "ensemble-by-vmap", "experts-with-capacity", "forces-from-energy", "gradient-penalty",
    "hierarchical-attention", "kernel-with-parameters", "language-model-time-first", "length-equals-batch-time-first",
    "queue-of-negatives", "speech-ctc", "tagger-packed",
}  # fmt: skip


@pytest.mark.parametrize("case", SOME)
def test_recorded_passes_are_those_by_python(case):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "a step made again")
        told = captured.nothing_is_otherwise(case, "auto")
    assert ("is Python's" in told) == (case.name in PYTHONS), told


@pytest.mark.parametrize(("case", "engine"), laws.pairs(FEW, ["ghost", "forward", "double"]))
def test_for_each_engine_by_name(case, engine):
    told = captured.nothing_is_otherwise(case, engine)
    assert f"weights and gradient by {engine}" in told
    assert "is Python's" not in told


@pytest.mark.parametrize("what", BY_PYTHON)
def test_what_cannot_be_recorded_is_said_and_made_by_python(what):
    for case in BY_PYTHON[what]:
        told = captured.nothing_is_otherwise(case, "auto")
        assert any(what in line for line in told.splitlines() if "is Python's: " in line), told
