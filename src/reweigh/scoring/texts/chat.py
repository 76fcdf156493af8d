"""Conversations, written out by the tokenizer's own template; what the assistant says counts.

Where it speaks is found by writing the conversation out as far as each of its turns, without it and with it: a
template adds to what it has written. One that does not, and writes earlier turns otherwise once there are later ones,
is refused.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from reweigh.errors import BadInput
from reweigh.scoring.files import Row
from reweigh.scoring.texts.told import Message, Told, listed_in
from reweigh.words import said_by, shown

ASSISTANT = "assistant"
_ROLES = {"human": "user", "gpt": ASSISTANT}
"""As ShareGPT calls them, beside `from` and `value`."""


@dataclass(frozen=True)
class Chats:
    """A column of lists of messages; with a second one, a prompt and its completion, of which the latter counts."""

    names: tuple[str, ...]
    kind: ClassVar[str] = "chat"

    def told(self, row: Row, where: str, tokenizer: Any) -> Told:
        """The turns as the template writes them.

        Raises:
            BadInput: if the tokenizer has no template, or it refuses the conversation.
        """
        parts = [_messages(row, name, where) for name in self.names]
        turns, silent = [turn for part in parts for turn in part], len(parts[0]) if len(parts) > 1 else 0
        counts = []
        for number, turn in enumerate(turns):
            if turn["role"] == ASSISTANT and number >= silent:
                before = _written(tokenizer, turns[:number], where, waiting=True)
                after = _written(tokenizer, turns[: number + 1], where)
                if not after.startswith(before):
                    before = _written(tokenizer, turns[:number], where)
                counts.append((before, after))
        text = _written(tokenizer, turns, where) if turns else ""
        if any(not after.startswith(before) or not text.startswith(after) for before, after in counts):
            raise BadInput(
                f"the chat template writes earlier turns of {where} otherwise once there are later ones, so that nobody can "
                "tell where the assistant speaks: score such conversations as prompt and response"
            )
        return Told(text, [(len(before), len(after)) for before, after in counts], whole=True)

    def messages(self, row: Row, where: str) -> list[Message]:
        """The turns as they are."""
        return [turn for name in self.names for turn in _messages(row, name, where)]

    def standard(self, row: Row, where: str) -> dict[str, Any]:
        """Messages, or those of a prompt and of its completion."""
        parts = [_messages(row, name, where) for name in self.names]
        return {"messages": parts[0]} if len(parts) == 1 else {"prompt": parts[0], "completion": parts[1]}

    def pair(self, row: Row, where: str) -> tuple[str, str]:
        """Of two turns, a question and an answer."""
        turns = self.messages(row, where)
        if [turn["role"] for turn in turns] != ["user", ASSISTANT]:
            raise BadInput(
                f"{where} is a conversation of other turns than one question and one answer, and no pair of texts"
            )
        return turns[0]["content"], turns[1]["content"]


def _messages(row: Row, column: str, where: str) -> list[Message]:
    return [
        _message(one, f"message {number} of {where}") for number, one in enumerate(listed_in(row, column, where), 1)
    ]


def _message(one: Any, where: str) -> Message:
    role = content = None
    if isinstance(one, dict):
        role, content = one.get("role", one.get("from")), one.get("content", one.get("value"))
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        content = "".join(part["text"] for part in content)
    if not isinstance(role, str) or not isinstance(content, str):
        raise BadInput(f"{where} is {shown(one)}, and not a role with a content of text: write both")
    return {"role": _ROLES.get(role, role), "content": content}


def _written(tokenizer: Any, turns: list[Message], where: str, *, waiting: bool = False) -> str:
    if not turns and not waiting:
        return ""
    if not tokenizer.chat_template:
        raise BadInput(
            f"{where} is a conversation, and the tokenizer has no chat template: name a model that was taught to "
            "converse, or columns of texts by --prompt and --response"
        )
    try:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=waiting))
    except Exception as refused:  # a template raises whatever its author chose
        if not turns:
            return ""
        raise BadInput(
            f"the chat template refuses {where} ({said_by(refused)}): correct the conversation, or leave it out"
        ) from refused
