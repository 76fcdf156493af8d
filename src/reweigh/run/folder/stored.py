"""Settings as they stand in a run's `config.json`, and whether two runs have the same.

The file carries a digest of itself, which is also the mark by which the digests of the run's other files are its own.
A few settings say how the work is done and not what comes out (where the data lie, how often to save); those may differ
between two runs that are the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from reweigh.digests import NAME as DIGESTS
from reweigh.digests import Digests, sha256
from reweigh.errors import BadInput
from reweigh.run.folder import run_folder as files
from reweigh.settings.checks import near
from reweigh.settings.config import TrainConfig
from reweigh.storage import home, write_bytes
from reweigh.strict_json import check_kind

FREE = frozenset({"data_root", "download", "checkpoint_every"})
"""Settings that do not change what comes out, so that a resumed run may have others."""
_WORDS = ("layers", "rule_option", "teacher_reads", "teacher_states", "drop")
_DIGEST = "digest"
WITHOUT_DIGESTS = (
    "was begun by an earlier version of reweigh and has no digests of its files: damage to them would go unnoticed, train "
    "again with --overwrite to be sure"
)
"""What is to be said of such a run, after its name."""


@dataclass(frozen=True)
class Stored:
    """What `config.json` says.

    Attributes:
        path: the run's folder.
        config: the settings; `mark` is the ledger's mark for them.
        versions: what the run was made with.
        data: of own data, where each file lay and its digest.
        digests: of the folder's files.
    """

    path: Path
    config: TrainConfig
    mark: str
    versions: dict[str, str]
    data: dict[str, Any]
    digests: Digests


def write_config(
    folder: Path, config: TrainConfig, versions: Mapping[str, str], data: Mapping[str, Any]
) -> tuple[str, Digests]:
    """Write `config.json`, the first file of a run; returns the ledger's mark, and the digests of the files to come."""
    content = {"settings": config.as_json(), "versions": versions, **({"data": data} if data else {})}
    run = digest_of(content)
    write_bytes(folder / files.CONFIG, files.json_bytes({**content, _DIGEST: run}))
    return files.run_mark(content["settings"]), Digests(folder, run)


def read_config(path: Path | str) -> Stored:
    """The settings of the run in a folder, and what else `config.json` says.

    Raises:
        BadInput: if there is no run, or its settings are damaged, were edited, or cannot be used.
    """
    folder = home(path)
    where = folder / files.CONFIG
    if not where.is_file():
        raise BadInput(f"there is no run in {folder}: name the folder that `reweigh train --output` was given")
    stored = files.read_json(where)
    settings, versions = stored.get("settings"), stored.get("versions")
    if not isinstance(settings, dict) or not isinstance(versions, dict):
        raise BadInput(f"{where} has no 'settings' and 'versions': put a good copy back, or train again")
    check_kind(stored, _CONTENT, where)
    config = config_from(settings, str(where))
    run = stored.pop(_DIGEST, None)
    if run is None and (folder / DIGESTS).exists():
        raise BadInput(f"{where} has lost its digest: put a good copy back, or train again with --overwrite")
    if run is not None and run != digest_of(stored):
        raise BadInput(
            f"{where} is damaged or was edited since the run began: put the old one back, or train anew with the settings "
            "that you want"
        )
    told = {name: str(version) for name, version in versions.items()}
    return Stored(folder, config, files.run_mark(settings), told, stored.get("data", {}), Digests(folder, run))


_CONTENT = {"settings": dict, "versions": dict, "data?": dict, "digest?": str}


def digest_of(content: Mapping[str, Any]) -> str:
    """Of what a JSON object says, however it is laid out."""
    return sha256(json.dumps(files.without_nan(content), sort_keys=True).encode())


def config_from(settings: Mapping[str, Any], where: str) -> TrainConfig:
    """Settings from a mapping that a person may have edited; `where` begins the sentence that refuses it.

    Raises:
        BadInput: if a setting is unknown or of the wrong kind, or no data are named.
    """
    there = {field.name for field in fields(TrainConfig)}
    for name in settings:
        if name not in there:
            raise BadInput(f"{where}: there is no setting {name!r}{near(name, there)}")
    values: dict[str, Any] = dict(settings)
    for name in _WORDS:
        if isinstance(values.get(name), list):  # JSON has no tuples
            values[name] = tuple(values[name])
    try:
        return TrainConfig(**values)
    except BadInput as wrong:
        raise BadInput(f"{where}: {wrong}") from wrong


def check_closed(config: TrainConfig, where: object) -> None:
    """No setting is left open: a run writes down what it really did.

    Raises:
        BadInput: naming one that is.
    """
    open_ = [name for name in _CLOSED if getattr(config, name) is None]
    if config.epochs is None and config.steps is None:
        open_.append("epochs")
    if open_:
        raise BadInput(f"{where} leaves {open_[0]} open, which a run has settled: put a good copy back, or train again")


_CLOSED = (
    "model", "rule", "optimizer", "schedule", "augment", "batch_size", "clean_batch_size", "lr", "weight_decay", "warm_up",
    "threads", "keep_clean_in_train",
)  # fmt: skip


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """The names of the settings in which two runs differ, leaving out those that do not change the outcome."""
    return [
        field.name
        for field in fields(TrainConfig)
        if field.name not in FREE and getattr(one, field.name) != getattr(other, field.name)
    ]
