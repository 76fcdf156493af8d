"""What the cases of damaged runs have in common."""

from reweigh.run.watcher import Silent


class Listener(Silent):
    def __init__(self):
        self.said = []

    def note(self, sentence, in_full=""):
        self.said.append(sentence)


def flip(path, share):
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def commands(folder, new, tmp_path):
    return {
        "audit": ["audit", folder],
        "report": ["report", folder, "--output", tmp_path / "page.html"],
        "predict": ["predict", folder, new, "--output", tmp_path / "out.csv"],
    }
