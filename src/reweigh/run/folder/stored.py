"""Settings as they stand in a run's `config.json`, and whether two runs have the same.

The file carries a digest of itself, which is also the mark by which the digests of the run's other files are its own.
A few settings say how the work is done and not what comes out (where the data lie, how often to save); those may differ
between two runs that are the same.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reweigh.digests import NAME as DIGESTS
from reweigh.digests import Digests, sha256
from reweigh.errors import BadInput
from reweigh.options import LeftOpen
from reweigh.run.folder import run_folder as files
from reweigh.settings import Resolved, Settings
from reweigh.storage import home, write_bytes
from reweigh.strict_json import check_kind

FREE = frozenset({"data_root", "download", "checkpoint_every", "workers"})
"""Settings that do not change what comes out, so that a resumed run may have others."""
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
        choice: how the rule was chosen, where it was.
        kinds: what becomes of kinds of wrong examples, by their names, where that was tried.
    """

    path: Path
    config: Settings
    mark: str
    versions: dict[str, str]
    data: dict[str, Any]
    digests: Digests
    choice: dict[str, Any] | None = None
    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)


def write_config(
    folder: Path,
    config: Settings,
    versions: Mapping[str, str],
    data: Mapping[str, Any],
    choice: Mapping[str, Any] | None = None,
    kinds: Mapping[str, Any] | None = None,
) -> tuple[str, Digests]:
    """Write `config.json`, the first file of a run; returns the ledger's mark, and the digests of the files to come."""
    more = {"data": data, "choice": choice, "kinds": kinds}
    content = {"settings": config.flat(), "versions": versions, **{name: told for name, told in more.items() if told}}
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
    data, choice, kinds = stored.get("data", {}), stored.get("choice"), stored.get("kinds", {})
    for kind, found in kinds.items():
        check_kind(found, {"helps": bool}, f"{where}, {kind}")
    return Stored(folder, config, files.run_mark(settings), told, data, Digests(folder, run), choice, kinds)


_CONTENT = {
    "settings": dict, "versions": dict, "data?": dict, "choice?": {"rule": str}, "kinds?": dict, "digest?": str
}  # fmt: skip


def digest_of(content: Mapping[str, Any]) -> str:
    """Of what a JSON object says, however it is laid out."""
    return sha256(json.dumps(files.without_nan(content), sort_keys=True).encode())


def config_from(settings: Mapping[str, Any], where: str) -> Settings:
    """Settings from a mapping that a person may have edited; `where` begins the sentence that refuses it.

    Raises:
        BadInput: if a setting is unknown or of the wrong kind, or no data are named.
    """
    try:
        return Settings.of(**settings)
    except BadInput as wrong:
        raise BadInput(f"{where}: {wrong}") from wrong


def as_settled(config: Settings, where: object) -> Resolved:
    """Settings that a run wrote down, which say what it really did: none is left open.

    Raises:
        BadInput: naming one that is.
    """
    try:
        return Resolved.of(**config.flat())
    except LeftOpen as wrong:
        raise BadInput(
            f"{where} leaves {wrong.name} open, which a run has settled: put a good copy back, or train again"
        ) from wrong


def differences(one: Settings, other: Settings) -> list[str]:
    """The names of the settings in which two runs differ, leaving out those that do not change the outcome."""
    mine, theirs = one.flat(), other.flat()
    return [name for name in mine if name not in FREE and mine[name] != theirs[name]]
