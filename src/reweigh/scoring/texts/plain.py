"""Texts of one column, all of which count; prompts with responses and instructions with answers, of which these count."""

from dataclasses import dataclass
from typing import Any, ClassVar

from reweigh.errors import BadInput
from reweigh.scoring.files import Row
from reweigh.scoring.texts.told import Message, Told, text_in


@dataclass(frozen=True)
class Texts:
    """A column of texts."""

    names: tuple[str, ...]
    kind: ClassVar[str] = "text"

    def told(self, row: Row, where: str, tokenizer: Any) -> Told:
        """All of it counts."""
        text = text_in(row, self.names[0], where)
        return Told(text, [(0, len(text))])

    def messages(self, row: Row, where: str) -> list[Message]:
        """One turn of the assistant's, as trainers have it for texts that nobody asked for."""
        return [{"role": "assistant", "content": text_in(row, self.names[0], where)}]

    def standard(self, row: Row, where: str) -> dict[str, Any]:
        """A text."""
        return {"text": text_in(row, self.names[0], where)}

    def pair(self, row: Row, where: str) -> tuple[str, str]:
        """There is none."""
        raise BadInput(
            f"{where} is a text, and no prompt with its response: name both columns by --prompt and --response"
        )


@dataclass(frozen=True)
class Pairs:
    """Columns of prompts and of responses, one behind the other as they stand."""

    names: tuple[str, ...]
    kind: ClassVar[str] = "pair"

    def told(self, row: Row, where: str, tokenizer: Any) -> Told:
        """The response counts."""
        prompt, response = self.pair(row, where)
        return Told(prompt + response, [(len(prompt), len(prompt) + len(response))])

    def messages(self, row: Row, where: str) -> list[Message]:
        """Two turns."""
        prompt, response = self.pair(row, where)
        return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]

    def standard(self, row: Row, where: str) -> dict[str, Any]:
        """A prompt and its completion."""
        prompt, response = self.pair(row, where)
        return {"prompt": prompt, "completion": response}

    def pair(self, row: Row, where: str) -> tuple[str, str]:
        """Both."""
        prompt, response = (text_in(row, name, where) for name in self.names)
        return prompt, response


@dataclass(frozen=True)
class Instructions(Pairs):
    """An instruction, what it is about where that is not empty, and the answer, as Alpaca has them: a line each."""

    kind: ClassVar[str] = "instruction"

    def told(self, row: Row, where: str, tokenizer: Any) -> Told:
        """The answer counts, which begins on a line of its own."""
        prompt, response = self.pair(row, where)
        return Told(f"{prompt}\n{response}", [(len(prompt) + 1, len(prompt) + 1 + len(response))])

    def pair(self, row: Row, where: str) -> tuple[str, str]:
        """Instruction and input as the prompt, and the answer."""
        instruction, about, response = (text_in(row, name, where) for name in self.names)
        return "\n".join(text for text in (instruction, about) if text), response
