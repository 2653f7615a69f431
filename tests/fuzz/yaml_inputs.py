"""Random inputs for a reader of YAML: damaged seeds, and texts that grow from a grammar of hostile parts."""

from __future__ import annotations

import random
from collections.abc import Sequence

_SIGNS = ": :: - -- ? | > |- >+ & * ! !! % @ ` ' \" # , [ ] { } [[ ]] {{ }} ... --- << ~ '''"
_SCALARS = """null true NO 12:30 0x1f 0o17 017 1e400 -1e400 .inf -.inf .nan 1_000 +.e 1e .5 5. -0 2024-02-30
9999999999999999999999"""
_SPACES = ["\n", "\r\n", "\r", "\t", " ", "  ", "\x00", "\x07", "\x7f", "\x85", "\ufeff", "\u2028"]
_BEYOND = ["\ud83d", "\U0001f600", '"\\x41\\u0041\\U00000041"', '"\\']
_BUILT = [
    "!!python/object:os.system",
    "&a [*a, *a]",
    "<<: *a",
    "? [1, 2]\n: 3",
    "%YAML 1.1\n---\n",
    "%TAG ! tag:x,2000:\n---\n",
]
_KEYS = """name version description training_data symbols mode symbol list timeframes timeframe base_timeframe
indicators type period source multiplier data_source fuzzy_sets indicator parameters nn_inputs fuzzy_set
raw_indicator normalization model architecture hidden_layers dropout activation sequence_length decisions
output_format cost_model filters min_signal_separation training labels zigzag_threshold horizon loss epochs seed
data_split execution sizing kind fraction commission slippage rate ticks exits stop_loss atr margin max_leverage
metrics"""
TOKENS = [*_SIGNS.split(), *_SCALARS.split(), *_SPACES, *_BEYOND, *_BUILT]
KEYS = _KEYS.split()
_DEEPEST = 20


def damaged(seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """Returns a seed with a few cuts, copies, tokens and flipped bits, sometimes spliced with another seed."""
    data = bytearray(draw.choice(seeds))
    if draw.random() < 0.2:
        other = draw.choice(seeds)
        data = data[: draw.randrange(len(data) + 1)] + other[draw.randrange(len(other) + 1) :]
    for _ in range(draw.randint(1, 8)):
        _damage(data, draw)
    return bytes(data)


def _damage(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data) + 1)
    width = draw.choice([1, 1, 2, 4, 16, 64])
    match draw.randrange(5):
        case 0:
            del data[at : at + width]
        case 1:
            data[at:at] = data[at : at + width] * draw.choice([1, 2, 50])
        case 2:
            data[at : at + draw.choice([0, 0, 1, 5])] = _token(draw)
        case 3:
            data[at:at] = draw.randbytes(draw.choice([1, 1, 2, 4]))
        case _ if at < len(data):
            data[at] ^= 1 << draw.randrange(8)


def _token(draw: random.Random) -> bytes:
    return draw.choice([draw.choice(TOKENS), draw.choice(KEYS)]).encode("utf-8", "surrogatepass")


def grown(draw: random.Random) -> bytes:
    """Returns a text of nested blocks and flows whose keys and scalars are valid, hostile, or both."""
    return _node(draw, 0, 0).encode("utf-8", "surrogatepass")


def _node(draw: random.Random, indent: int, depth: int) -> str:
    if depth > _DEEPEST or draw.random() < 0.35:
        return _scalar(draw)
    size = draw.randint(0, 5)
    match draw.randrange(4):
        case 0:
            return "[" + ", ".join(_flow(draw, depth + 1) for _ in range(size)) + draw.choice(["]", "]", "]", ""])
        case 1:
            return "{" + ", ".join(f"{_key(draw)}: {_flow(draw, depth + 1)}" for _ in range(size)) + "}"
        case 2:
            return "".join(f"\n{' ' * indent}- {_node(draw, indent + 2, depth + 1)}" for _ in range(size))
        case _:
            return "".join(f"\n{' ' * indent}{_key(draw)}: {_node(draw, indent + 2, depth + 1)}" for _ in range(size))


def _flow(draw: random.Random, depth: int) -> str:
    return _scalar(draw) if depth > _DEEPEST or draw.random() < 0.6 else "[" + _flow(draw, depth + 1) + "]"


def _key(draw: random.Random) -> str:
    return draw.choice(KEYS) if draw.random() < 0.9 else _scalar(draw)


def _scalar(draw: random.Random) -> str:
    match draw.randrange(6):
        case 0:
            return str(draw.randint(-5, 20_000))
        case 1:
            return repr(draw.uniform(-1e3, 1e3) * 10.0 ** draw.randint(-310, 308))
        case 2:
            return draw.choice(["rsi", "macd", "1h", "4h", "EURUSD", "mlp", "close", "zigzag", "all", "single"])
        case 3:
            return "".join(draw.choice(TOKENS) for _ in range(draw.randint(1, 4)))
        case 4:
            return (
                draw.choice("'\"")
                + "".join(draw.choice(TOKENS) for _ in range(draw.randint(0, 3)))
                + draw.choice("'\"")
            )
        case _:
            return draw.choice(["", "text", "true", "~"])
