import json

import pytest

from reweigh.data.own import Encoding, read_own

WHOLE = Encoding(
    kind="table",
    task="regression",
    classes=("price",),
    targets=("price",),
    input_shape=(5,),
    outputs=1,
    model_options={"categories": (3, 4)},
    target_scale=(10.5, 2.0),
    reader={"columns": [], "targets": ["price"], "id": None},
)


def damaged(**changes):
    return {name: value for name, value in (WHOLE.as_json() | changes).items() if value is not ...}


def test_it_comes_back_from_json_the_same():
    assert Encoding.from_json(json.loads(json.dumps(WHOLE.as_json())), "encoding.json") == WHOLE


def test_one_that_was_read_comes_back_the_same(marked):
    encoding = read_own(marked, seed=0).encoding
    assert Encoding.from_json(json.loads(json.dumps(encoding.as_json())), "encoding.json") == encoding


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "sounds"},
        {"task": "clustering"},
        {"outputs": 2},
        {"format": 99},
        {"classes": ...},
        {"input_shape": None},
        {"input_shape": ["x"]},
        {"target_scale": [1, 0]},
        {"target_scale": [float("nan"), 1]},
        {"target_scale": [1]},
        {"model_options": [1]},
        {"reader": 3},
    ],
)
def test_damage_is_found(changes, refused):
    with refused("encoding.json is not an encoding", "train again"):
        Encoding.from_json(damaged(**changes), "encoding.json")
