"""The only floor that awaits: sockets, timers, and the reader that hands payloads to the core.

What happens to connections is logged under ``csbook.net``; nothing is printed unless the program sets logging up.
"""

from logging import NullHandler, getLogger

getLogger("csbook").addHandler(NullHandler())
