"""The truth about one's own orders, fills, positions and balances. Sans-I/O: reports come in, changes go out."""

from csbook.account.account import Account
from csbook.account.changes import BalanceChanged, Change, FillSeen, OrderChanged, PositionChanged
from csbook.account.positions import Exposure

__all__ = ["Account", "BalanceChanged", "Change", "Exposure", "FillSeen", "OrderChanged", "PositionChanged"]
