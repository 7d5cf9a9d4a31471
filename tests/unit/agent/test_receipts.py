"""runlet/agent/receipts.py: when consoles are told how far what they typed has come."""

from __future__ import annotations

from runlet.agent.receipts import RECEIPT_BYTES, RECEIPT_SECONDS, Receipts


def test_keys_are_told_together_after_a_while() -> None:
    receipts = Receipts()
    receipts.moved(1, 1, 1, now=10.0)
    receipts.moved(1, 2, 2, now=10.5)
    assert receipts.due == 10.0 + RECEIPT_SECONDS
    assert receipts.take() == [(1, 2, 2)]
    assert receipts.due is None
    receipts.moved(1, 2, 2, now=12.0)
    assert receipts.due is None, "that was told"


def test_a_part_of_a_paste_is_told_at_once() -> None:
    receipts = Receipts()
    receipts.moved(1, RECEIPT_BYTES, 5, now=10.0)
    assert receipts.due == 10.0 + RECEIPT_SECONDS
    receipts.moved(1, RECEIPT_BYTES, RECEIPT_BYTES, now=10.1)
    assert receipts.due == 10.1


def test_what_could_not_be_told_is_told_again() -> None:
    receipts = Receipts()
    receipts.moved(1, 1, 1, now=10.0)
    receipts.take()
    receipts.lost(1, 1, 1, now=11.0)
    assert receipts.due == 11.0 + RECEIPT_SECONDS
    assert receipts.take() == [(1, 1, 1)]


def test_much_that_could_not_be_told_waits_as_well() -> None:
    """Else an agent without a broker would do nothing but try."""
    receipts = Receipts()
    receipts.moved(1, 2 * RECEIPT_BYTES, 2 * RECEIPT_BYTES, now=10.0)
    assert receipts.due == 10.0
    receipts.take()
    receipts.lost(1, 2 * RECEIPT_BYTES, 2 * RECEIPT_BYTES, now=10.0)
    assert receipts.due == 10.0 + RECEIPT_SECONDS
