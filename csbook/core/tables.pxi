# How each venue spells a depth message, and by which rule its changes join: facts, no code of a venue's own.
#
# A Key says which word stands where (outer object, the object under `data`, or both) and what it means. The one scanner
# in message.pxi and the parsed way in router.pxi read every venue by these tables. Sources: the venues' fact sheets; for
# `coinswitch` the integration guide, sections 2.1 and 3.1.2, its diff stream in Binance's shape. What may stand around a
# message is read in envelope.pxi.

cdef enum Role:
    R_TOPIC = 0                         # the stream's name, which names symbol and channel
    R_DATA = 1                          # the object that the envelope holds
    R_EVENT = 2                         # which kind of message it is
    R_SYMBOL = 3
    R_FIRST = 4                         # first update id in the message
    R_LAST = 5                          # last update id
    R_PREVIOUS = 6                      # last update id of the message before
    R_TIME = 7                          # event time
    R_BIDS = 8                          # levels, or the best bid's price in a quote
    R_ASKS = 9
    R_KIND = 10                         # "snapshot" or "delta"
    R_CHANGE = 11                       # one change as text: price,side,size
    R_STAMP = 12                        # event time that is the message's id as well
    R_ANSWER = 13                       # whatever its value: this answers a request and is no book
    R_CROSS = 14                        # the id that all channels of a symbol share: what quotes are compared by
    R_QUOTE_TIME = 15                   # event time of a quote, ns
    R_BID_PRICE = 16                    # of a quote, as are the next three: in the order of Message.quote
    R_BID_SIZE = 17
    R_ASK_PRICE = 18
    R_ASK_SIZE = 19
    ROLES = 20
    R_SKIP = 20                         # known to come, and of no use

cdef enum Where:
    OUTER = 1
    INNER = 2
    BOTH = 3

cdef enum Rule:
    RULE_REPLACE = 0                    # each message is the whole book; lower ids are older. One depth channel, no changes
    RULE_PREVIOUS = 1                   # previous == last applied; anchor previous <= L <= last
    RULE_SPLICE = 2                     # as RULE_PREVIOUS where `pu` is sent, else first == last applied + 1
    RULE_STEP = 3                       # ids go up by one; the snapshot comes by REST (KuCoin)
    RULE_STREAM = 4                     # ids go up by one; snapshots come in the stream (Bybit)

cdef enum Grammar:                      # how a stream's name says symbol and channel
    TOPIC_AT_DEPTH = 0                  # btcusdt@depth, btcusdt@depth20, either with @100ms
    TOPIC_ORDERBOOK = 1                 # orderbook.50.BTCUSDT
    TOPIC_LEVEL2 = 2                    # /contractMarket/level2:XBTUSDTM, /contractMarket/level2Depth50:XBTUSDTM; and the
                                        # quotes of /contractMarket/tickerV2:XBTUSDTM

cdef enum Framing:                      # what a payload is
    FRAME_NONE = 0                      # one message
    FRAME_SOCKETIO = 1                  # one message, or a Socket.IO packet with an event in it
    FRAME_LIST = 2                      # one message, or an array of them

cdef struct Key:
    uint64_t text[2]                    # the word and its closing quote, as they lie in memory
    uint64_t mask[2]                    # ones where a byte of them counts
    int32_t size                        # without the quote
    uint8_t role
    uint8_t where
    uint8_t shape                       # 1: a message with this key is a depth message though nothing else says so; 2: if an
                                        # array stands under it

cdef struct Table:
    int32_t count
    int32_t inner                       # where the keys under `data` begin: they mostly come in the order of the table, too
    uint64_t initials                   # a bit per first byte of a key, its lowest six bits: most other keys have none
    Key[16] keys
    Rule rule                           # of the diff channel, where there is one
    Grammar grammar
    Framing framing
    Role id_role                        # R_LAST, or R_STAMP
    bint levels_replace                 # a bare snapshot shape comes in the stream
    int32_t quote_channel               # the depth channel whose whole books are quotes to a book of another; 0: none
    int64_t time_unit                   # ns per unit of R_TIME
    char event_depth[24]
    int32_t event_depth_size
    char event_quote[16]
    int32_t event_quote_size

cdef Table _COINSWITCH
cdef Table _COINSWITCH_REST
cdef Table _COINSWITCH_SIO
cdef Table _COINSWITCH_HFT
cdef Table _BINANCE
cdef Table _BINANCE_REST
cdef Table _BYBIT
cdef Table _KUCOIN
cdef Table _KUCOIN_REST


cdef inline bint key_is(const Key* key, uint64_t first, uint64_t second) noexcept nogil:
    """Whether sixteen bytes of a payload begin with this word and a quote."""
    return ((first ^ key.text[0]) & key.mask[0] | (second ^ key.text[1]) & key.mask[1]) == 0


cdef int _fill(Table* table, list keys, Rule rule, bint levels_replace, bytes depth, bytes quote) except -1:
    cdef Key* key
    cdef bytes text
    memset(table, 0, sizeof(Table))
    assert len(keys) <= 16 and len(depth) <= 24 and len(quote) <= 16
    for text, role, where, shape in keys:
        assert len(text) <= 15
        key = &table.keys[table.count]
        key.size = <int32_t>len(text)
        text += b'"'
        memcpy(key.text, <const char*>text, len(text))
        memset(key.mask, 0xFF, len(text))
        table.initials |= <uint64_t>1 << (text[0] & 63)
        key.role = role
        key.where = where
        key.shape = shape
        table.count += 1
        if role == R_DATA:
            table.inner = table.count % len(keys)
    table.rule = rule
    table.levels_replace = levels_replace
    table.id_role = R_LAST
    table.time_unit = 1000000           # milliseconds
    table.event_depth_size = <int32_t>len(depth)
    memcpy(table.event_depth, <const char*>depth, len(depth))
    table.event_quote_size = <int32_t>len(quote)
    memcpy(table.event_quote, <const char*>quote, len(quote))
    return 0


# The diff stream of Binance: fact sheet binance, sections 2.1 and 3; the envelope of combined streams: section 1.
_DIFF_KEYS = [
    (b"stream", R_TOPIC, OUTER, 0),
    (b"data", R_DATA, OUTER, 0),
    (b"e", R_EVENT, BOTH, 0),
    (b"E", R_TIME, BOTH, 0),
    (b"s", R_SYMBOL, BOTH, 0),
    (b"U", R_FIRST, BOTH, 0),
    (b"u", R_LAST, BOTH, 0),
    (b"pu", R_PREVIOUS, BOTH, 0),
    (b"b", R_BIDS, BOTH, 0),
    (b"a", R_ASKS, BOTH, 0),
]
_QUOTE_KEYS = [(b"B", R_BID_SIZE, BOTH, 0), (b"A", R_ASK_SIZE, BOTH, 0)]
_SNAPSHOT_KEYS = [
    (b"lastUpdateId", R_LAST, BOTH, 1),
    (b"bids", R_BIDS, BOTH, 1),
    (b"asks", R_ASKS, BOTH, 1),
]
_REST_KEYS = [(b"data", R_DATA, OUTER, 0), (b"E", R_TIME, BOTH, 0), (b"symbol", R_SYMBOL, BOTH, 0)]

# Fact sheet bybit, section 2: `ts` is the gateway's time; the matching engine's `cts` is not used. `u` counts per topic, so what
# the channel of one level says is compared with another channel's book by `seq` (2.1, rule 6).
_BYBIT_KEYS = [
    (b"topic", R_TOPIC, OUTER, 0),
    (b"type", R_KIND, OUTER, 0),
    (b"ts", R_TIME, OUTER, 0),
    (b"data", R_DATA, OUTER, 0),
    (b"s", R_SYMBOL, INNER, 0),
    (b"b", R_BIDS, INNER, 0),
    (b"a", R_ASKS, INNER, 0),
    (b"u", R_LAST, INNER, 0),
    (b"seq", R_CROSS, INNER, 0),
]
# Fact sheet kucoin, sections 2.1 to 2.3: `timestamp` is ms in the stream, `ts` is ns in the REST answer; `sn` is no sequence.
# A quote (section 3) has its time under `ts` alone, in ns, and its sequence is the book's.
_KUCOIN_KEYS = [
    (b"topic", R_TOPIC, OUTER, 0),
    (b"type", R_SKIP, OUTER, 0),
    (b"subject", R_SKIP, OUTER, 0),
    (b"sn", R_SKIP, OUTER, 0),
    (b"data", R_DATA, OUTER, 0),
    (b"sequence", R_LAST, INNER, 0),
    (b"change", R_CHANGE, INNER, 0),
    (b"timestamp", R_TIME, INNER, 0),
    (b"bids", R_BIDS, INNER, 0),
    (b"asks", R_ASKS, INNER, 0),
    (b"bestBidSize", R_BID_SIZE, INNER, 0),
    (b"bestBidPrice", R_BID_PRICE, INNER, 0),
    (b"bestAskPrice", R_ASK_PRICE, INNER, 0),
    (b"bestAskSize", R_ASK_SIZE, INNER, 0),
    (b"ts", R_QUOTE_TIME, INNER, 0),
]
_KUCOIN_REST_KEYS = [
    (b"data", R_DATA, OUTER, 0),
    (b"symbol", R_SYMBOL, INNER, 0),
    (b"sequence", R_LAST, INNER, 0),
    (b"bids", R_BIDS, INNER, 1),
    (b"asks", R_ASKS, INNER, 1),
    (b"ts", R_TIME, INNER, 0),
]

# Fact sheet coinswitch, section 4.3, spot and futures: flat or under `data`, the symbol under one of three words; 4.2: an
# answer to a subscription comes under the event's own name and holds `success`. REST answers in the same shape (2.6, 3).
# `b` and `a` are the best prices, as text, of a ticker (4.6), so only an array makes them a book.
_SIO_KEYS = [
    (b"s", R_SYMBOL, BOTH, 0),
    (b"timestamp", R_STAMP, BOTH, 0),
    (b"bids", R_BIDS, BOTH, 1),
    (b"asks", R_ASKS, BOTH, 1),
    (b"data", R_DATA, OUTER, 0),
    (b"symbol", R_SYMBOL, BOTH, 0),
    (b"pair", R_SYMBOL, BOTH, 0),
    (b"b", R_BIDS, BOTH, 2),
    (b"a", R_ASKS, BOTH, 2),
    (b"success", R_ANSWER, BOTH, 0),
]
# Fact sheet coinswitch, section 6.3. `t` is when the venue's system sent it and orders the messages; `E` is the time at the
# exchange behind it, from which age is measured. A trade or a ticker has no array under `b`.
_HFT_KEYS = [
    (b"t", R_LAST, OUTER, 0),
    (b"m", R_SYMBOL, OUTER, 0),
    (b"b", R_BIDS, OUTER, 2),
    (b"a", R_ASKS, OUTER, 2),
    (b"E", R_TIME, OUTER, 0),
]

_fill(&_COINSWITCH, _SNAPSHOT_KEYS + _DIFF_KEYS, RULE_SPLICE, True, b"depthUpdate", b"")
_fill(&_COINSWITCH_REST, _SNAPSHOT_KEYS + _REST_KEYS, RULE_SPLICE, True, b"", b"")
_fill(&_BINANCE, _DIFF_KEYS + _QUOTE_KEYS, RULE_PREVIOUS, False, b"depthUpdate", b"bookTicker")
_fill(&_BINANCE_REST, _SNAPSHOT_KEYS + _REST_KEYS, RULE_PREVIOUS, True, b"", b"")
_fill(&_BYBIT, _BYBIT_KEYS, RULE_STREAM, False, b"", b"")
_BYBIT.grammar = TOPIC_ORDERBOOK
_BYBIT.quote_channel = 1
_fill(&_KUCOIN, _KUCOIN_KEYS, RULE_STEP, False, b"", b"")
_KUCOIN.grammar = TOPIC_LEVEL2
_fill(&_KUCOIN_REST, _KUCOIN_REST_KEYS, RULE_STEP, True, b"", b"")
_KUCOIN_REST.time_unit = 1
_fill(&_COINSWITCH_SIO, _SIO_KEYS, RULE_REPLACE, True, b"FETCH_ORDER_BOOK_CS_PRO", b"")
_COINSWITCH_SIO.framing = FRAME_SOCKETIO
_COINSWITCH_SIO.id_role = R_STAMP
_fill(&_COINSWITCH_HFT, _HFT_KEYS, RULE_REPLACE, True, b"", b"")
_COINSWITCH_HFT.framing = FRAME_LIST


cdef const Table* table_of(str venue) except NULL:
    """The stream table of a venue, by name. Raises UsageError."""
    if venue == "coinswitch":
        return &_COINSWITCH
    if venue == "coinswitch-sio":
        return &_COINSWITCH_SIO
    if venue == "coinswitch-hft":
        return &_COINSWITCH_HFT
    if venue == "binance":
        return &_BINANCE
    if venue == "bybit":
        return &_BYBIT
    if venue == "kucoin":
        return &_KUCOIN
    raise UsageError(
        f"unknown venue {venue!r}; the router knows: binance, bybit, coinswitch, coinswitch-hft, coinswitch-sio, kucoin"
    )


cdef inline const Table* rest_table(const Table* stream) noexcept nogil:
    """The table of the same venue's REST snapshot; NULL where REST cannot anchor the stream."""
    if stream == &_BINANCE:
        return &_BINANCE_REST
    if stream == &_KUCOIN:
        return &_KUCOIN_REST
    if stream == &_COINSWITCH_SIO:
        return stream
    return &_COINSWITCH_REST if stream == &_COINSWITCH else NULL
