from picows import WSListener
from typing_extensions import disjoint_base

from csbook.net._intake import Intake

@disjoint_base
class PointerReader(WSListener):
    def __init__(self, intake: Intake) -> None: ...
    def detach(self) -> None:
        """The connection is given up: nothing that it still brings reaches the intake."""
