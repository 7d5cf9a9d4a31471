from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from runlet import sealing
from runlet.agent.key import load, make
from runlet.errors import InvalidInput


def test_a_key_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    make(tmp_path / "key")
    key = load(tmp_path / "key")
    assert key == load(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    box = sealing.seal(b"s3cret", base64.b64decode(key.public), b"")
    assert sealing.open_(box, key.private, b"") == b"s3cret"


def test_what_was_left_of_an_earlier_try_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half")
    make(tmp_path / "key")
    assert load(tmp_path / "key").public


@pytest.mark.parametrize("content", [b"", bytes(32), bytes(65)])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(InvalidInput, match="is not a device's key"):
        load(tmp_path / "key")
