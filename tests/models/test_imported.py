"""A model of the user's own: found in the current folder, given what it asks for, refused in one sentence."""

import sys

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.models import build

CODE = """
from torch import nn

def plain(input_shape, outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], outputs))

def asks(input_shape, outputs, vocabulary):
    return nn.Embedding(vocabulary, outputs)

def asks_for_all(input_shape, outputs, **options):
    return nn.Linear(len(options), outputs)

def number(input_shape, outputs):
    return 3

def fails(input_shape, outputs):
    raise RuntimeError("no\\nway")

class Holder:
    plain = staticmethod(plain)

constant = 7
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "my_own_net.py").write_text(CODE)
    (tmp_path / "my_broken_net.py").write_text("def (")
    (tmp_path / "my_needy_net.py").write_text("import nothing_of_this_name")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("my_own_net", "my_broken_net", "my_needy_net"):
        sys.modules.pop(name, None)


def test_it_is_found_in_the_current_folder_and_seeded(here):
    before = list(sys.path)
    one, same, other = (build("my_own_net:plain", input_shape=(4,), classes=3, seed=seed) for seed in (1, 1, 2))
    assert one(torch.zeros(2, 4)).shape == (2, 3)
    assert torch.equal(one[1].weight, same[1].weight)
    assert not torch.equal(one[1].weight, other[1].weight)
    assert sys.path == before


def test_it_gets_the_options_that_it_has_a_place_for(here):
    told = {"vocabulary": 11, "padding": 0}
    assert build("my_own_net:asks", input_shape=(4,), classes=3, **told).num_embeddings == 11
    assert build("my_own_net:asks_for_all", input_shape=(4,), classes=3, **told).in_features == 2
    assert build("my_own_net:plain", input_shape=(4,), classes=3, **told)
    assert build("my_own_net:Holder.plain", input_shape=(4,), classes=3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_missing_net:plain", "there is no module 'my_missing_net'"),
        ("my_own_net:absent", "has no function 'absent'"),
        ("my_own_net:constant", "has no function 'constant'"),
        ("my_own_net:number", "gave a int"),
        ("my_own_net:fails", "RuntimeError: no"),
        ("my_broken_net:plain", "SyntaxError"),
        ("my_needy_net:plain", "nothing_of_this_name"),
        ("my_own_net.deeper:plain", "no module 'my_own_net.deeper'"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(here, name, said):
    with pytest.raises(BadInput) as refused:
        build(name, input_shape=(4,), classes=3)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
