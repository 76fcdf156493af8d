"""A tiny model, made once."""

import pytest

import tiny_language_models as tiny


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    return tiny.model(tmp_path_factory.mktemp("models") / "gpt2")


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    return tiny.model(tmp_path_factory.mktemp("models") / "llama", "llama", seed=1)
