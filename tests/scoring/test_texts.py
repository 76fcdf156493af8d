"""Rows as texts and tokens: which columns, what counts, and batches of like length."""

import pytest

import tiny_language_models as tiny
from reweigh.errors import BadInput
from reweigh.scoring.files import find_shards
from reweigh.scoring.texts import Encoded, Encoder, Named, batches, columns_again, columns_of, spoken
from reweigh.scoring.texts.chat import Chats
from reweigh.scoring.texts.plain import Instructions, Pairs, Texts
from reweigh.scoring.texts.told import Told


def columns(tmp_path, row, **named):
    return columns_of(find_shards(tiny.json_lines(tmp_path / "a.jsonl", [row])), Named(**named))


USUAL = {
    Texts(("text",)): {"text": "a", "id": 1},
    Pairs(("prompt", "response")): {"prompt": "a", "response": "b", "text": "ab"},
    Pairs(("instruction", "output")): {"instruction": "a", "output": "b"},
    Instructions(("instruction", "input", "output")): {"instruction": "a", "input": "", "output": "b"},
    Pairs(("prompt", "completion")): {"prompt": "a", "completion": "b"},
    Chats(("messages",)): {"messages": []},
    Chats(("conversations",)): {"conversations": []},
    Chats(("prompt", "completion")): {"prompt": [{"role": "user", "content": "a"}], "completion": []},
}


@pytest.mark.parametrize("found", USUAL)
def test_the_usual_columns_are_found_by_their_names(found, tmp_path):
    assert columns(tmp_path, USUAL[found]) == found
    assert columns_again(found.kind, list(found.names)) == found


def test_columns_that_are_named_come_first(tmp_path):
    row = {"text": "a", "q": "b", "r": "c", "talk": []}
    assert columns(tmp_path, row, prompt="q", response="r") == Pairs(("q", "r"))
    assert columns(tmp_path, row, messages="talk") == Chats(("talk",))
    with pytest.raises(BadInput, match="no column of texts that is known by its name"):
        columns(tmp_path, {"q": "b"})
    with pytest.raises(BadInput, match=r"has no column 'body': its columns are 'q'"):
        columns(tmp_path, {"q": "b"}, text="body")


@pytest.mark.parametrize(("about", "prompt"), [("about that", "do it\nabout that"), ("", "do it"), (None, "do it")])
def test_an_instruction_goes_with_what_it_is_about(about, prompt):
    row = {"instruction": "do it", "input": about, "output": "done"}
    columns = Instructions(("instruction", "input", "output"))
    assert columns.pair(row, "here") == (prompt, "done")
    told = columns.told(row, "here", None)
    assert told.text == f"{prompt}\ndone"
    assert [told.text[start:end] for start, end in told.counts] == ["done"]
    assert columns.standard(row, "here") == {"prompt": prompt, "completion": "done"}


def test_what_is_read_and_what_is_not_is_said(tmp_path):
    shards = find_shards(tiny.json_lines(tmp_path / "a.jsonl", [{"id": 1, "text": "a", "label": 2, "source": "b"}]))
    assert spoken(Texts(("text",)), shards, "id") == "read is 'text'; 'label', 'source' beside it not"
    assert spoken(Pairs(("text", "source")), shards, None) == "read is 'text', 'source'; 'id', 'label' beside them not"


def counted(told, template=None, longest=64):
    """What counts of a text, decoded, and all of it."""
    cut = tiny.tokenizer(template)
    (row,) = Encoder(cut, longest)([told])
    return cut.decode([token for token, here in zip(row.ids, row.counts, strict=True) if here]), cut.decode(row.ids)


def test_all_of_a_text_counts_but_its_first_token():
    some, whole = counted(Told("one two three", [(0, 13)]))
    assert whole == "one two three<end>"
    assert whole.endswith(some)
    assert len(some) < len(whole)


def test_of_a_pair_the_response_counts_to_its_end():
    told = Pairs(("p", "r")).told({"p": "one two? ", "r": "three"}, "row 1", None)
    assert counted(told) == (" three<end>", "one two? three<end>")  # a token that has some of both counts
    assert counted(told, longest=3)[1] != "one two? three<end>"
    assert counted(Told("one ", [(4, 4)]))[0] == ""  # no response, no end of it


def test_of_a_conversation_what_the_assistant_says_counts():
    cut = tiny.tokenizer(tiny.TEMPLATE)
    turns = [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four")]
    row = {"m": [{"role": role, "content": text} for role, text in turns]}
    told = Chats(("m",)).told(row, "row 1", cut)
    assert counted(told, tiny.TEMPLATE) == (
        "two<end>four<end>",
        "<user>one<end><assistant>two<end><user>three<end><assistant>four<end>",
    )
    apart = {"prompt": row["m"][:3], "completion": row["m"][3:]}
    told = Chats(("prompt", "completion")).told(apart, "row 1", cut)
    assert counted(told, tiny.TEMPLATE)[0] == "four<end>"


def test_conversations_as_sharegpt_and_as_parts():
    cut = tiny.tokenizer(tiny.TEMPLATE)
    row = {
        "m": [{"from": "human", "value": "one"}, {"role": "assistant", "content": [{"type": "text", "text": "two"}]}]
    }
    assert Chats(("m",)).told(row, "row 1", cut).text == "<user>one<end><assistant>two<end>"
    assert Chats(("m",)).pair(row, "row 1") == ("one", "two")


LATE = "{% for m in messages %}{% if loop.last %}<{{ m.role }}>{% endif %}{{ m.content }}{% endfor %}"
REFUSES = "{{ raise_exception('roles must alternate') }}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (LATE, "writes earlier turns of row 1 otherwise"),
        (REFUSES, r"refuses row 1 \(roles must alternate\)"),
        (None, "no chat template"),
    ],
)
def test_templates_that_do_not_serve(template, said):
    row = {
        "m": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    }
    with pytest.raises(BadInput, match=said):
        Chats(("m",)).told(row, "row 1", tiny.tokenizer(template))


@pytest.mark.parametrize("value", ["text", [3], [{"role": "user"}], [{"role": "user", "content": [{"image": 1}]}]])
def test_messages_that_are_none(value):
    with pytest.raises(BadInput, match="row 1"):
        Chats(("m",)).told({"m": value}, "row 1", tiny.tokenizer(tiny.TEMPLATE))


def test_batches_are_of_like_length_and_leave_out_what_does_not_count():
    rows = [Encoded([1] * n, [False] + [True] * (n - 1)) for n in (3, 9, 1, 4, 8)]
    parts = list(batches(rows, 2))
    assert [part.places for part in parts] == [[1, 4], [3, 0]]
    assert [tuple(part.batch["labels"].shape) for part in parts] == [(2, 9), (2, 4)]
    assert parts[1].lengths.tolist() == [4, 3]
    assert parts[1].batch["labels"].tolist() == [[-100, 1, 1, 1], [-100, 1, 1, -100]]


def test_a_slow_tokenizer_is_refused():
    with pytest.raises(BadInput, match="take a fast tokenizer"):
        Encoder(object(), 8)
