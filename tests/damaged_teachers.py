"""Files of rules, damaged in one place each: a change of the bytes, of the header, or of the tensors."""

import json
import struct

import torch
from safetensors.torch import load, save


def changed(content, change):
    """The file with another header."""
    size = int.from_bytes(content[:8], "little")
    header = change(json.loads(content[8 : 8 + size]))
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + content[8 + size :]


def told(**more):
    def change(header):
        rule = json.loads(header["__metadata__"]["reweigh_rule"])
        rule["config"].update(more)
        header["__metadata__"]["reweigh_rule"] = json.dumps(rule)
        return header

    return lambda content: changed(content, change)


def without(key):
    def change(header):
        rule = json.loads(header["__metadata__"]["reweigh_rule"])
        del rule["config"][key]
        header["__metadata__"]["reweigh_rule"] = json.dumps(rule)
        return header

    return lambda content: changed(content, change)


def metadata(text):
    return lambda content: changed(content, lambda header: {**header, "__metadata__": {"reweigh_rule": text}})


def first_tensor(**more):
    def change(header):
        name = next(name for name in sorted(header) if name.endswith("weight"))
        header[name].update(more)
        return header

    return lambda content: changed(content, change)


def renamed(header):
    name = next(name for name in sorted(header) if name.endswith("weight"))
    header[name + "s"] = header.pop(name)
    return header


def tensors_of(content):
    size = int.from_bytes(content[:8], "little")
    return load(content), json.loads(content[8 : 8 + size])["__metadata__"]


def with_tensors(change):
    def by(content):
        tensors, meta = tensors_of(content)
        change(tensors)
        return save(tensors, meta)

    return by


def one_to(value):
    def change(tensors):
        tensors[sorted(tensors)[-1]].view(-1)[0] = value

    return change


def all_to(dtype):
    return lambda tensors: tensors.update({name: t.to(dtype) for name, t in tensors.items()})


NESTED = "[" * 100_000 + "]" * 100_000
DAMAGE = {
    "empty": lambda c: b"",
    "seven bytes": lambda c: c[:7],
    "half": lambda c: c[: len(c) // 2],
    "one byte short": lambda c: c[:-1],
    "one byte long": lambda c: c + b"\0",
    "zeros": lambda c: bytes(len(c)),
    "text": lambda c: b"not a file of tensors\n" * 20,
    "a huge header length": lambda c: struct.pack("<Q", 2**63 - 1) + c[8:],
    "a large header length": lambda c: struct.pack("<Q", 2**40) + c[8:],
    "no JSON": lambda c: changed(c, lambda h: b"{" * 40),
    "a header that is a list": lambda c: changed(c, lambda h: []),
    "a nested header": lambda c: changed(c, lambda h: NESTED.encode()),
    "nested settings": metadata(NESTED),
    "settings that are null": metadata("null"),
    "settings that are a list": metadata('{"name": "meta-weight-net", "config": [1]}'),
    "settings that are a word": metadata('{"name": "meta-weight-net", "config": "x"}'),
    "a name that is a number": metadata('{"name": 3, "config": {}}'),
    "no metadata": lambda c: changed(c, lambda h: {k: v for k, v in h.items() if k != "__metadata__"}),
    "metadata of another tool": lambda c: changed(c, lambda h: {**h, "__metadata__": {"format": "pt"}}),
    "an unknown setting": told(colour="red"),
    "a missing setting": without("normalise"),
    "a width that is a word": told(hidden="7"),
    "a width that is a fraction": told(hidden=6.5),
    "a width that is true": told(hidden=True),
    "a width of minus one": told(hidden=-1),
    "a width of ten to the twelfth": told(hidden=10**12),
    "a width beyond all integers": told(hidden=10**40),
    "a width that is null": told(hidden=None),
    "another normalisation": told(normalise="max"),
    "a normalisation that is a list": told(normalise=["sum"]),
    "a seed that is a word": told(seed="x"),
    "a lost tensor": with_tensors(lambda t: t.pop(sorted(t)[-1])),
    "one tensor more": with_tensors(lambda t: t.update(more=torch.ones(2))),
    "a tensor of another name": lambda c: changed(c, renamed),
    "no tensor at all": with_tensors(lambda t: t.clear()),
    "a tensor of another shape": with_tensors(lambda t: t.update({sorted(t)[-1]: torch.ones(3, 5, 7)})),
    "a tensor turned": with_tensors(lambda t: t.update({n: v.T.contiguous() for n, v in t.items() if v.ndim == 2})),
    "NaN": with_tensors(one_to(float("nan"))),
    "infinity": with_tensors(one_to(float("-inf"))),
    "integers": with_tensors(all_to(torch.int64)),
    "half precision": with_tensors(all_to(torch.float16)),
    "true and false": with_tensors(all_to(torch.bool)),
    "integers by the header alone": first_tensor(dtype="I32"),
    "a type that is unknown": first_tensor(dtype="Q32"),
    "a shape of ten to the twelfth": first_tensor(shape=[10**12]),
    "a shape that is negative": first_tensor(shape=[-1, 4]),
    "offsets that run backwards": first_tensor(data_offsets=[8, 0]),
    "offsets beyond the file": first_tensor(data_offsets=[0, 2**50]),
}
OF_THE_TEACHER = {
    "no classes": told(classes=0),
    "classes that are a word": told(classes="3"),
    "more classes": told(classes=4),
    "states that are a word": told(states="layer"),
    "states that are numbers": told(states=[1, 2]),
    "a flag that is a word": told(internal="yes"),
    "nothing is told": told(surface=False, internal=False, interaction=False),
    "internal off": told(internal=False),
    "interaction off": told(interaction=False),
    "total steps that are a list": told(total_steps=[1]),
}


def mutated(content, draw):
    content = bytearray(content)
    size = int.from_bytes(content[:8], "little")
    for _ in range(draw.choice([1, 1, 2, 8])):
        place = draw.randrange(len(content)) if draw.random() < 0.4 else draw.randrange(8 + size)
        kind = draw.randrange(6)
        if kind == 0:
            content[place] = draw.randrange(256)
        elif kind == 1:
            content[place] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del content[place : place + draw.randrange(1, 40)]
        elif kind == 3:
            content[place:place] = bytes(content[place : place + draw.randrange(1, 40)])
        elif kind == 4:
            content[place : place + 4] = b"\xff\xff\xff\x7f"
        else:
            content[place : place + 1] = draw.choice(
                [b"null", b"-1", b"1e999", b'"', b"{}", b"[", b"99999999999999999999"]
            )
        content = content or bytearray(b"\0")
        size = min(size, max(len(content) - 8, 1))
    return bytes(content)
