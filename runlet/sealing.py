"""Sealed boxes: what an operator types for one device, closed on the console and opened on the device alone.

A box is 32 bytes of a key made for it, and the text under ChaCha20-Poly1305 with a key that only it and the device's
private key give (X25519, HKDF-SHA256). It is bound to a `context`, what it is for: in another it does not open.

The only home of cryptography, which is imported when it is needed: an agent that is never sent a secret does not pay
for it. What is used of it, Debian 12's own (38) has.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runlet.errors import ProtocolError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEY_BYTES = 32
# What a box is longer than its text by: the key made for it, and the tag.
OVERHEAD_BYTES = KEY_BYTES + 16

_PURPOSE = b"Runlet sealed box v1"
# Each key is used once.
_NONCE = bytes(12)
# X25519's base point: the exchange with it gives the public key, for which cryptography 38 has no short name.
_BASE_POINT = b"\x09" + bytes(KEY_BYTES - 1)


def make_key() -> bytes:
    """A private key."""
    return os.urandom(KEY_BYTES)


def public_key(private: bytes) -> bytes:
    return _exchange(private, _BASE_POINT)


def context(*parts: str) -> bytes:
    """What a box is for: the same parts, the same context, and no others."""
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


def seal(text: bytes, public: bytes, context: bytes) -> bytes:
    """A box that only the owner of `public` opens. Raises ProtocolError when that is no key."""
    once = make_key()
    mine = public_key(once)
    return mine + _cipher(_exchange(once, public), mine, public).encrypt(_NONCE, text, context)


def open_(box: bytes, private: bytes, context: bytes) -> bytes:
    """What is in the box. Raises ProtocolError when it is for another key or context, or is none."""
    from cryptography.exceptions import InvalidTag

    other = box[:KEY_BYTES]
    try:
        return bytes(
            _cipher(_exchange(private, other), other, public_key(private)).decrypt(_NONCE, box[KEY_BYTES:], context)
        )
    except InvalidTag:
        raise ProtocolError("it was sealed for another device or another question") from None


def _exchange(private: bytes, public: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    try:
        return bytes(X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public)))
    except ValueError:  # too short, or a point that gives everyone the same
        raise ProtocolError("that is no sealing key") from None


def _cipher(shared: bytes, mine: bytes, public: bytes) -> ChaCha20Poly1305:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE + mine + public).derive(shared)
    return ChaCha20Poly1305(key)
