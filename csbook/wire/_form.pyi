from typing import Any

from typing_extensions import disjoint_base

KEPT: int

@disjoint_base
class Form:
    """An object that was found without fault.

    ``keys`` in their order, the exact ``types`` of the values, and of each what is demanded beside: None, nothing;
    True, text that is not empty, of digits, points and minus signs; Forms, to be one of those. Raises ValueError where
    there are not as many of each, TypeError for a demand that is none of these.
    """

    def __init__(
        self, keys: tuple[Any, ...], types: tuple[type, ...], demands: tuple[bool | Forms | None, ...]
    ) -> None: ...

@disjoint_base
class Forms:
    """The forms that were learned last at one place. ``most``: the place has an array, and so many of its elements count."""

    def __init__(self, most: int = -1) -> None: ...
    def add(self, form: Form) -> None:
        """One more, unless it is known; of more than KEPT the oldest goes."""

    def fit(self, message: object) -> bool:
        """Whether a value has one of the forms. O(fields)."""
