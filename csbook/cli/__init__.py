"""The roof: the command ``csbook`` and its live ladder. Nothing below imports it."""
