"""What the ghost engine raises where it cannot be exact: a fact, of which a sentence is made elsewhere."""


class Unfit(Exception):
    """The engine cannot be exact here: the label of the layer, and why."""

    def __init__(self, label: str, why: str) -> None:
        super().__init__(f"{label}: {why}")
        self.label, self.why = label, why

    def __reduce__(self) -> tuple[type["Unfit"], tuple[str, str]]:
        return type(self), (self.label, self.why)
