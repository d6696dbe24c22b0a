from __future__ import annotations

from csbook.net.origin import websocket_origin
from csbook.net.setting import Policy, Setting


def test_the_policy_is_the_designs() -> None:
    """1, 2, 4, 8 ... seconds with a cap and jitter, forgiven after a healthy minute."""
    backoff = Policy(backoff_jitter=0.0).backoff()
    assert [backoff.lost(0.0) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    backoff.opened(0.0)
    assert backoff.lost(60.0) == 1.0
    assert 0.0 < Policy().backoff_jitter < 1.0


def test_patience() -> None:
    origin = websocket_origin("wss://x.y")
    setting = Setting(origin=origin, path="/", messages_per_second=10, stale_after=3.0, silence_after=1.0)
    patience = setting.patience()
    assert (patience.stale_after, patience.silence_after) == (3.0, 1.0)
    assert patience.first_data_within == setting.policy.first_data_within
