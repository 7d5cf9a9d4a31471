from __future__ import annotations

from datetime import timedelta

import pytest

from runlet.errors import InvalidInput
from runlet.model.delivery import DELIVER_WITHIN, Delivery, Offline


@pytest.mark.parametrize("offline", Offline)
@pytest.mark.parametrize("within", [timedelta(seconds=1), timedelta(hours=36), DELIVER_WITHIN])
@pytest.mark.parametrize("supersede", [True, False])
def test_mapping_and_back(offline: Offline, within: timedelta, supersede: bool) -> None:
    delivery = Delivery(offline, within, supersede)
    assert Delivery.from_mapping(delivery.to_mapping()) == delivery


def test_what_is_as_by_default_is_not_written() -> None:
    written_out = Delivery.from_mapping({"offline": "queue", "deliverWithin": "168h", "supersede": False})
    assert written_out == Delivery()
    assert written_out.to_mapping() == {}


def test_a_deadline_is_a_duration() -> None:
    with pytest.raises(InvalidInput, match="'friday' is not a duration"):
        Delivery.from_mapping({"deliverWithin": "friday"})
