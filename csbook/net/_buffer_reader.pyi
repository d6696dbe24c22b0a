from picows import WSListener

from csbook.net._intake import Intake

class BufferReader(WSListener):
    def __init__(self, intake: Intake) -> None: ...
    def detach(self) -> None:
        """The connection is given up: nothing that it still brings reaches the intake."""
