"""Where a data set's files come from, and how readers ask for one."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from .download import Progress, fetch


@dataclass(frozen=True)
class Source:
    """The way to files that may have to be downloaded.

    Attributes:
        root: the data root.
        base_url: the folder on the web, with its trailing slash.
        download: whether a missing file may be fetched.
        progress: called while bytes arrive.
    """

    root: Path
    base_url: str
    download: bool = True
    progress: Progress | None = None

    def obtain(self, name: str, folder: str, sha256: str) -> Path:
        """The path of `root/folder/name`, downloaded if it is missing.

        Raises:
            BadInput: the file is missing and may not be downloaded.
            DownloadFailed: it could not be downloaded.
        """
        path = self.root / folder / name
        if path.exists():
            return path
        if not self.download:
            raise BadInput(f"{path} is missing and downloading is turned off: put it there or allow the download")
        return fetch(self.base_url + name, path, sha256, progress=self.progress)
