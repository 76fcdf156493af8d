"""Which columns of a data set are its texts: those that are named, or the usual ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reweigh.errors import BadInput
from reweigh.scoring.files import Shard
from reweigh.scoring.texts.chat import Chats
from reweigh.scoring.texts.plain import Instructions, Pairs, Texts
from reweigh.scoring.texts.told import Columns
from reweigh.words import listed, shown

_CHATS = ("messages", "conversations", "conversation")
_PROMPTS, _RESPONSES = ("prompt", "instruction", "question"), ("response", "completion", "output", "answer")
_TEXTS = ("text", "content")
_ALPACA = ("instruction", "input", "output")
_KINDS: dict[str, Callable[[tuple[str, ...]], Columns]] = {
    kind.kind: kind for kind in (Texts, Pairs, Instructions, Chats)
}


@dataclass(frozen=True)
class Named:
    """The columns as a user names them; None for what is to be found.

    Attributes:
        text: one column of texts.
        prompt, response: two.
        messages: one of conversations.
        id: what rows are called by.
    """

    text: str | None = None
    prompt: str | None = None
    response: str | None = None
    messages: str | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        if (self.prompt is None) != (self.response is None):
            missing = "response" if self.response is None else "prompt"
            raise BadInput(f"--prompt and --response go together, and --{missing} is not named: name both columns")
        if sum(one is not None for one in (self.text, self.prompt, self.messages)) > 1:
            raise BadInput("name one of --text, --prompt with --response, and --messages: a row is one of them")


def columns_of(shards: Sequence[Shard], named: Named) -> Columns:
    """How the rows of these files are texts, by the columns of all of them.

    Raises:
        BadInput: if a named column is missing, or none of the usual ones is there.
    """
    there = {shard.path: shard.columns for shard in shards if shard.rows}
    for path, names in there.items():
        for name in (named.text, named.prompt, named.response, named.messages, named.id):
            if name is not None and name not in names:
                raise BadInput(f"{path} has no column {shown(name)}: its columns are {listed(names)}")
    path, names = next(iter(there.items()))
    common = [name for name in names if all(name in others for others in there.values())]
    found = _named(named) or _usual(common, shards[0])
    if found is None:
        raise BadInput(
            f"{path} has no column of texts that is known by its name: name one by --text, two by --prompt and "
            f"--response, or one of conversations by --messages; its columns are {listed(names)}"
        )
    return found


def spoken(columns: Columns, shards: Sequence[Shard], id_: str | None) -> str:
    """What is read of the files and what is not, in a sentence."""
    there = dict.fromkeys(name for shard in shards if shard.rows for name in shard.columns)
    others = [name for name in there if name not in columns.names and name != id_]
    beside = f"; {listed(others)} beside {'it' if len(columns.names) == 1 else 'them'} not" if others else ""
    return f"read is {listed(columns.names)}{beside}"


def columns_again(kind: str, names: Sequence[str]) -> Columns:
    """As they were found before.

    Raises:
        BadInput: if there is no such kind.
    """
    if kind not in _KINDS:
        raise BadInput(f"the scores are of rows of another kind, {shown(kind)}: score the data again")
    return _KINDS[kind](tuple(names))


def _named(named: Named) -> Columns | None:
    if named.text is not None:
        return Texts((named.text,))
    if named.messages is not None:
        return Chats((named.messages,))
    if named.prompt is not None and named.response is not None:
        return Pairs((named.prompt, named.response))
    return None


def _usual(names: Sequence[str], shard: Shard) -> Columns | None:
    for name in _CHATS:
        if name in names:
            return Chats((name,))
    if all(name in names for name in _ALPACA):
        return Instructions(_ALPACA)
    prompts, responses = ([name for name in usual if name in names] for usual in (_PROMPTS, _RESPONSES))
    if prompts and responses:
        both = prompts[0], responses[0]
        first = next(shard.kind.windows(shard.path, both), [{}])[0]
        return (Chats if isinstance(first.get(both[0]), list) else Pairs)(both)
    text = next((name for name in _TEXTS if name in names), None)
    return None if text is None else Texts((text,))
