import pytest

from reweigh.errors import BadInput
from reweigh.strict_json import DEPTH, check_kind, parse_json, parse_object


def test_what_is_json_is_read():
    content = b'{"a": [1, -2.5, true, null, "\\u00e9"], "b": {"c": 9223372036854775807}}'
    assert parse_object(content, "x.json") == {"a": [1, -2.5, True, None, "é"], "b": {"c": 2**63 - 1}}
    assert parse_json(b"[" * DEPTH + b"]" * DEPTH, "x.json")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "nested too deep"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"-Infinity", "no number"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"1" * 20, "20 digits"),
        (b"9" * 10_000, "10000 digits"),
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b"\xff", "cannot be read"),
        (b"", "cannot be read"),
        (b"\xef\xbb\xbf{}", "cannot be read"),
        (b"{} {}", "cannot be read"),
    ],
)
def test_what_is_not_is_one_sentence(content, said):
    with pytest.raises(BadInput, match=r"x\.json cannot be read as JSON") as refused:
        parse_json(content, "x.json")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_an_object_is_asked_for():
    with pytest.raises(BadInput, match="must hold a JSON object, not list"):
        parse_object(b"[]", "x.json")


KIND = {"n": int, "x": float, "s?": str | None, "l?": [int], "o?": {"k": bool}}


def test_values_of_the_right_kind():
    check_kind({"n": 1, "x": 2, "s": None, "l": [1, 2], "o": {"k": True}, "more": 1}, KIND, "x.json")
    check_kind({"n": 1, "x": 2.5}, KIND, "x.json")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"x": 1.0}, "x.json has no 'n'"),
        ({"n": True, "x": 1.0}, "'n' in x.json is true, not a whole number"),
        ({"n": 1.5, "x": 1.0}, "'n' in x.json is 1.5"),
        ({"n": 1, "x": False}, "'x' in x.json is false, not a number"),
        ({"n": 1, "x": 1, "s": 3}, "is 3, not a text or null"),
        ({"n": 1, "x": 1, "l": [1, "y"]}, "'l[1]' in x.json"),
        ({"n": 1, "x": 1, "o": {}}, "has no 'o.k'"),
        ([], "x.json is a list, not an object"),
    ],
)
def test_values_of_another_kind(value, said):
    with pytest.raises(BadInput) as refused:
        check_kind(value, KIND, "x.json")
    assert said in str(refused.value)
