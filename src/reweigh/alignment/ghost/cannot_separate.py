"""What the ghost engine raises where it cannot tell the examples apart."""

from reweigh.alignment.refusal import CannotGoThrough


class CannotSeparate(CannotGoThrough):
    """The engine cannot be exact here: the label of the layer, and the cause."""

    def __init__(self, layer: str, cause: str) -> None:
        super().__init__("ghost", layer, cause)

    def __reduce__(self) -> tuple[type["CannotSeparate"], tuple[str, ...]]:
        return type(self), (self.layer, self.cause)
