# One consistent read of the touch, as an object that boxes a field only when it is asked for.

@cython.final
@cython.freelist(16)
cdef class Top:
    """The touch at one moment, with the state it had: read under the sequence lock, never torn, never changing.

    Prices in quote units, sizes in base quantity, nan where a side was empty; `*_raw` are the exact integers at the
    book's scales, 0 where a side was empty. Made by Book.top() and Book.fused_top().
    """

    def __cinit__(self):
        self.touch.updates = 0

    def __init__(self, *args, **kwargs):
        raise TypeError("a Top is made by Book.top() and Book.fused_top()")

    def __reduce__(self):
        raise TypeError("a Top cannot be pickled; take the fields that are needed")

    def __repr__(self):
        return (
            f"<Top bid={self.bid} x {self.bid_size} ask={self.ask} x {self.ask_size} {_STATES[self.touch.state]!s} "
            f"sequence={self.touch.sequence}>"
        )

    @property
    def bid(self):
        """Best bid in quote units; nan while there was none."""
        return scaled(self.touch.bid, self.price_scale) if self.touch.bid_levels else NAN

    @property
    def bid_size(self):
        """Base quantity at the best bid."""
        return scaled(self.touch.bid_size, self.size_scale) if self.touch.bid_levels else NAN

    @property
    def ask(self):
        """Best ask in quote units; nan while there was none."""
        return scaled(self.touch.ask, self.price_scale) if self.touch.ask_levels else NAN

    @property
    def ask_size(self):
        """Base quantity at the best ask."""
        return scaled(self.touch.ask_size, self.size_scale) if self.touch.ask_levels else NAN

    @property
    def bid_raw(self):
        """The exact integer at the scale of the book; 0 while there was no bid."""
        return self.touch.bid

    @property
    def bid_size_raw(self):
        """The exact integer at the scale of the book."""
        return self.touch.bid_size

    @property
    def ask_raw(self):
        """The exact integer at the scale of the book; 0 while there was no ask."""
        return self.touch.ask

    @property
    def ask_size_raw(self):
        """The exact integer at the scale of the book."""
        return self.touch.ask_size

    @property
    def mid(self):
        """(bid + ask) / 2; nan while a side was empty."""
        if self.touch.bid_levels == 0 or self.touch.ask_levels == 0:
            return NAN
        return (<double>self.touch.bid + <double>self.touch.ask) / (2 * self.price_scale)

    @property
    def spread(self):
        """ask - bid, exact before it becomes a float; nan while a side was empty."""
        if self.touch.bid_levels == 0 or self.touch.ask_levels == 0:
            return NAN
        return scaled(self.touch.ask - self.touch.bid, self.price_scale)

    @property
    def sequence(self):
        """The venue's id of the update that made this touch."""
        return self.touch.sequence

    @property
    def event_time_ns(self):
        """The venue's time, ns since the epoch; 0: not told."""
        return self.touch.event_time_ns

    @property
    def receive_time_ns(self):
        """Wall time of arrival, ns since the epoch; 0: not told."""
        return self.touch.receive_time_ns

    @property
    def updates(self):
        """The version of the levels."""
        return self.touch.updates

    @property
    def state(self):
        """The state of the book at that moment."""
        return _STATES[self.touch.state]

    @property
    def price_decimals(self):
        """The scale of prices."""
        return self.touch.price_decimals

    @property
    def size_decimals(self):
        """The scale of sizes."""
        return self.touch.size_decimals

    def age_ns(self):
        """ns from the update that made this touch until now, by the monotonic clock; -1 if there was none."""
        return age_of(self.touch.monotonic_ns, self.touch.updates)

    def tradable(self, max_age_ns):
        """It was LIVE when it was read, and the update that made it is at most `max_age_ns` old now."""
        cdef int64_t limit = max_age_ns
        return self.touch.state == STATE_LIVE and age_of(self.touch.monotonic_ns, self.touch.updates) <= limit
