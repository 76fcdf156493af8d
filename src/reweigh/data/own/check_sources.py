"""Whether what a user says about their data goes together, before anything is read."""

from ...errors import BadInput
from ...tasks import task_named
from .paths import existing, kind_at
from .sources import Sources

_OF_PAIRS = {"pieces", "vocabulary", "languages"}
_ONLY = {
    "pairs": {"text", "image_size", "drop", "clean_target"},
    "images": {"target", "text", "clean_column", "clean_target", "id_column", "drop", "text_length", *_OF_PAIRS},
    "arrays": {"text", "clean_target", "image_size", "text_length", "drop", *_OF_PAIRS},
    "text": {"image_size", *_OF_PAIRS},
    "table": {"image_size", "text_length", *_OF_PAIRS},
}
"""What each kind of data has no use for."""


def check_sources(sources: Sources) -> str:
    """The kind of the data.

    Raises:
        BadInput: options contradict each other or the kind, or a part is of another kind.
    """
    if sources.task is not None:
        task_named(sources.task)
    kind = _kind_of_pairs(sources) or _kind_of_all(sources)
    if sources.clean_ids is not None:
        existing(sources.clean_ids)
    useless = next((name for name in sorted(_ONLY[kind]) if getattr(sources, name) not in (None, ())), None)
    if useless is not None:
        raise BadInput(
            f"--{useless.replace('_', '-')} means nothing for {_plural(kind)} such as {sources.train}: leave it out"
        )
    _check_clean(sources, kind)
    return kind


def _kind_of_pairs(sources: Sources) -> str | None:
    """ "pairs", where the user says that they are; else None."""
    if sources.source is None:
        if sources.task is not None and task_named(sources.task).of_pairs:
            raise BadInput(
                f"{sources.task} learns from pairs of texts: name both columns, or languages, by --source and --target"
            )
        return None
    if sources.task is not None and not task_named(sources.task).of_pairs:
        raise BadInput(f"--source is for pairs of texts, and {sources.task} learns no such: leave it out")
    if sources.target is None or sources.target == sources.source:
        raise BadInput(f"the source is {sources.source} and nothing else is the target: name it by --target")
    return "pairs"


def _kind_of_all(sources: Sources) -> str:
    """By what lies there, the same in each part."""
    kind = kind_at(sources.train)
    for path in (sources.clean, sources.test):
        if path is not None and kind_at(path) != kind:
            raise BadInput(
                f"{path} is of the kind {kind_at(path)} but {sources.train} of the kind {kind}: give the same kind"
            )
    return "text" if kind == "table" and sources.text is not None else kind


def _check_clean(sources: Sources, kind: str) -> None:
    ways = {"clean": sources.clean, "clean-column": sources.clean_column, "clean-ids": sources.clean_ids}
    given = [f"--{name}" for name, value in ways.items() if value is not None]
    if sources.clean_target is not None and (sources.clean is not None or not given):  # it may stand beside a mark
        given.append("--clean-target")
    if len(given) > 1:
        raise BadInput(f"the clean set is given by {' and '.join(given)}: give it in one way")
    if not given and kind != "arrays":  # arrays may bring a mask
        raise nothing_says(sources.train)


def nothing_says(where: str) -> BadInput:
    """That nobody knows which examples are checked."""
    return BadInput(
        f"nothing says which examples of {where} are checked: give --clean with a file or folder of them, --clean-column, "
        "--clean-target or --clean-ids"
    )


def _plural(kind: str) -> str:
    return {"table": "tables", "text": "texts", "images": "images", "arrays": "arrays", "pairs": "pairs"}[kind]
