"""Recorded passes compiled by inductor: the same numbers, random ones too; one by one where there is no compiler."""

import pytest
import torch

import laws.captured as captured
from zoo import named


def compiled_is_by_python(case):
    told = captured.nothing_is_otherwise(case, "auto", capture="compile")
    assert "is Python's" not in told


def test_a_compiled_pass_is_that_by_python():
    compiled_is_by_python(named("dropout")[0])


@pytest.mark.slow
@pytest.mark.parametrize("case", named("batchnorm2d-train", "lstm", "tied-language-model"), ids=str)
def test_compiled_passes_of_other_models(case):
    compiled_is_by_python(case)


@pytest.mark.slow
def test_a_mask_of_what_lies_transposed_is_drawn_in_another_order_which_is_seen_and_said():
    """The compiler lays the mask out anew, and draws it in the order of that: another mask, so that passes are Python's."""
    told = captured.nothing_is_otherwise(named("encoder-layer-dropout")[0], "auto", capture="compile")
    assert "made again without Python it came out otherwise" in told


def test_without_a_compiler_operations_are_made_one_by_one(monkeypatch):
    def broken(*_, **__):
        def run(*_):
            raise RuntimeError("no compiler\nand more")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match=r"cannot be compiled \(RuntimeError: no compiler\).*needs a C\+\+ compiler"):
        compiled_is_by_python(named("mlp")[0])
