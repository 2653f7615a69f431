"""BLAKE3 in plain Python, from its paper's description: slow, for checking what the core hashes."""

from __future__ import annotations

import struct

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
          (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))  # fmt: skip
_START = 1
_END = 2
_PARENT = 4
_ROOT = 8
_MASK = 0xFFFFFFFF


def _rotated(word: int, by: int) -> int:
    return (word >> by | word << (32 - by)) & _MASK


def _compress(chain: tuple[int, ...], block: bytes, counter: int, flags: int) -> tuple[int, ...]:
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    state = [*chain, *_IV[:4], counter & _MASK, counter >> 32, len(block) if flags & _PARENT == 0 else 64, flags]
    for _ in range(7):
        for index, (a, b, c, d) in enumerate(_MIXED):
            for word, (turn_d, turn_b) in zip(words[2 * index : 2 * index + 2], ((16, 12), (8, 7)), strict=True):
                state[a] = (state[a] + state[b] + word) & _MASK
                state[d] = _rotated(state[d] ^ state[a], turn_d)
                state[c] = (state[c] + state[d]) & _MASK
                state[b] = _rotated(state[b] ^ state[c], turn_b)
        words = [words[place] for place in _ORDER]
    return tuple(state[i] ^ state[i + 8] for i in range(8))


def _chunk(data: bytes, counter: int, root: int) -> tuple[int, ...]:
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    chain: tuple[int, ...] = _IV
    for index, block in enumerate(blocks):
        last = index == len(blocks) - 1
        flags = (_START if index == 0 else 0) | ((_END | root) if last else 0)
        chain = _compress(chain, block, counter, flags)
    return chain


def _tree(data: bytes, counter: int, root: int) -> tuple[int, ...]:
    if len(data) <= 1024:
        return _chunk(data, counter, root)
    chunks = (len(data) - 1) // 1024
    left = 1 << (chunks.bit_length() - 1)
    halves = _tree(data[: left * 1024], counter, 0) + _tree(data[left * 1024 :], counter + left, 0)
    return _compress(_IV, struct.pack("<16I", *halves), 0, _PARENT | root)


def blake3(data: bytes) -> str:
    """The hash as hex."""
    return struct.pack("<8I", *_tree(data, 0, _ROOT)).hex()
