"""Bybit's private socket: logins, topics, pings, and what is told to whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.sim.accounts import Account
from csbook.sim.desks.bybit_talk import TOPICS, BybitTalk
from v5customer import LINEAR, heard, v5_customers

NOW_MS = 1662350395000


def talk(fate: str = "") -> tuple[BybitTalk, Account]:
    account = Account("a", api_key="key", api_secret="testsecret")
    return BybitTalk([Account("b"), account], lambda: NOW_MS, lambda operation: fate), account


def said(made: BybitTalk, message: Any) -> Any:
    """The one answer to a message; None: there is none."""
    reply = made.hear(json.dumps(message).encode(), ())
    answers = [json.loads(answer) for answer in reply.answers]
    assert reply.refused == any(answer.get("success") is False for answer in answers) and not reply.end
    return answers[0] if answers else None


# the sheet's second vector, section 4
EXPIRES, DIGEST = 1662350400000, "b38c4f23eca76c513b6542823c0882c502bdea24e31f6d6af028af804c5c850a"
LOGIN = {"req_id": "10001", "op": "auth", "args": ["key", EXPIRES, DIGEST]}


def let_in() -> BybitTalk:
    made, account = talk()
    answer = said(made, LOGIN)
    assert answer == {"success": True, "ret_msg": "", "op": "auth", "conn_id": answer["conn_id"], "req_id": "10001"}
    assert made.account is account
    return made


def test_the_sheet_s_vector_logs_in_once() -> None:
    made = let_in()
    assert said(made, LOGIN)["success"] is False and made.account is not None
    made, account = talk()
    assert said(made, {"op": "auth", "args": ["key", str(EXPIRES), DIGEST]})["req_id"] == ""
    assert made.account is account


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody", EXPIRES, DIGEST], "10003"),
        (["key", EXPIRES, "0" * 64], "10004"),
        (["key", EXPIRES, "ä"], "10004"),
        (["key", EXPIRES + 1, DIGEST], "10004"),
        (["key", NOW_MS, DIGEST], "future"),
        (["key", True, DIGEST], "Params"),
        (["key", "soon", DIGEST], "Params"),
        (["key", -1, DIGEST], "Params"),
        (["key", 1.5, DIGEST], "Params"),
        (["key", DIGEST], "Params"),
        ([1, EXPIRES, DIGEST], "Params"),
        (None, "Params"),
    ],
)
def test_who_is_not_let_in(arguments: Any, why: str) -> None:
    made, _ = talk()
    answer = said(made, {"op": "auth", "args": arguments})
    assert (answer["success"], answer["op"], made.account) == (False, "auth", None)
    assert why in answer["ret_msg"] and DIGEST not in json.dumps(answer)


def test_nothing_is_asked_before_the_login() -> None:
    made, _ = talk()
    assert said(made, {"op": "subscribe", "args": ["order"]})["success"] is False and not made.wants("order")


def test_topics_come_and_go() -> None:
    made = let_in()
    assert said(made, {"req_id": "1", "op": "subscribe", "args": [*TOPICS]})["success"] is True
    assert all(made.wants(topic) for topic in TOPICS)
    assert said(made, {"op": "subscribe", "args": ["order"]})["ret_msg"].endswith("already subscribed,topic:order")
    assert said(made, {"op": "unsubscribe", "args": ["order", "wallet"]})["success"] is True
    assert [made.wants(topic) for topic in TOPICS] == [False, True, True, False]
    assert said(made, {"op": "unsubscribe", "args": ["order"]})["success"] is False
    assert said(made, {"op": "subscribe", "args": ["order.linear", "position.linear"]})["success"] is True
    assert made.wants("order")


@pytest.mark.parametrize(
    "topics",
    [["order", "order.linear"], ["order", "nothing"], ["wallet.linear"], ["order.spot"], [], None, "order", [5]],
)
def test_a_request_is_taken_whole_or_not_at_all(topics: Any) -> None:
    made = let_in()
    assert said(made, {"op": "subscribe", "args": topics})["success"] is False
    assert not any(made.wants(topic) for topic in TOPICS)


def test_each_style_of_topic_has_its_words() -> None:
    made = let_in()
    said(made, {"op": "subscribe", "args": ["order.linear", "wallet"]})
    event = b'{"id":"1","topic":"order","creationTime":1,"data":[{"topic":"order"}]}'
    assert made.dress("order", event) == event.replace(b'"topic":"order"', b'"topic":"order.linear"', 1)
    assert made.dress("wallet", b'{"topic":"wallet"}') == b'{"topic":"wallet"}'
    assert made.form("order") != made.form("wallet")


@pytest.mark.parametrize("message", [b"{", b"[]", b"7", b'"ping"', b"{}", b'{"op":"order.create"}', b'{"op":null}'])
def test_what_is_no_request(message: bytes) -> None:
    reply = let_in().hear(message, ())
    assert reply.refused and json.loads(reply.answers[0])["success"] is False


def test_pings_are_no_requests() -> None:
    made, _ = talk()
    reply = made.hear(b'{"req_id":"7","op":"ping"}', ())
    (answer,) = map(json.loads, reply.answers)
    assert answer == {"req_id": "7", "op": "pong", "args": [str(NOW_MS)], "conn_id": answer["conn_id"]}
    assert (reply.request, reply.alive, made.beat, made.hears_pongs) == (False, True, None, False)


@pytest.mark.parametrize(
    ("fate", "is_in", "answer"),
    [
        ("request_lost", False, None), ("request_429", False, "too many"), ("request_503", False, "internal"),
        ("answer_lost", True, None), ("answer_503", True, "internal"),
    ],
)  # fmt: skip
def test_what_can_strike_a_login(fate: str, is_in: bool, answer: str | None) -> None:
    made, _ = talk(fate)
    told = said(made, LOGIN)
    assert (made.account is not None) == is_in
    assert told is None if answer is None else (told["success"] is False and answer in told["ret_msg"])


async def test_a_socket_is_told_what_it_asked_for() -> None:
    async with v5_customers() as (venue, customer):
        narrow, other = await customer.listen("order.linear"), await customer.listen("wallet", "execution")
        silent = await customer.socket()
        order_id = await customer.placed("Buy", "0.004", "61000.0")
        venue.cross(order_id)
        assert [topic for topic, _ in await heard(narrow, 2)] == ["order.linear"] * 2
        assert [topic for topic, _ in await heard(other, 2)] == ["execution", "wallet"]
        await silent.send_json({"op": "ping"})
        assert (await silent.receive_json(timeout=5))["op"] == "pong", "and nothing before"
        for stream in (narrow, other, silent):
            await stream.close()


async def test_logins_end_when_they_are_told_to() -> None:
    async with v5_customers() as (venue, customer):
        stream, stranger = await customer.listen("order"), await customer.socket()
        assert venue.expire_listen_keys() == 1
        closed = await stream.receive(timeout=5)
        assert (closed.data, stream.close_code) == (1008, 1008)
        await stranger.send_json(customer.login())
        assert (await stranger.receive_json(timeout=5))["success"] is True, "it had not logged in"
        await stranger.close()


async def test_a_login_that_is_struck_counts_as_a_request() -> None:
    async with v5_customers(faults="request_429=1") as (venue, customer):
        socket = await customer.socket()
        await socket.send_json(customer.login())
        assert (await socket.receive_json(timeout=5))["success"] is False
        assert venue.counts["request_429"] == 1
        venue.faults = ()
        await socket.send_json(customer.login())
        assert (await socket.receive_json(timeout=5))["success"] is True
        assert (await customer.place("Buy", "0.001", "50000.0", **LINEAR))[0] == 0
        await socket.close()
