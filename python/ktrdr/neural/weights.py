"""Reads weights of an untrusted file: sizes are bounded, no pickle runs, every tensor is checked by name."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from ktrdr.disk import open_regular
from ktrdr.errors import ModelFormat, ModelNonfinite, ModelNotFound, ModelShape
from ktrdr.neural.models.base_model import BaseNeuralModel

MAX_FILE_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 20
_LENGTH_BYTES = 8
_PICKLE_STARTS = (b"PK", b"\x80")  # a zip of torch.save, a bare pickle

State = Mapping[str, torch.Tensor]


def read_bounded(path: Path, folder: Path, where: str) -> bytes:
    """Returns the bytes of a file in a folder; raises ``ModelNotFound``, or ``ModelFormat`` for more than 1 GiB."""
    try:
        with open_regular(path, folder) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise ModelFormat("file too large", where=where, found=f"{size} bytes", expected=f"<= {MAX_FILE_BYTES}")
            return stream.read(MAX_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise ModelNotFound("file is missing", where=where) from None
    except OSError as error:
        raise ModelFormat(f"cannot be read: {error.strerror}", where=where) from None


def parse_safetensors(data: bytes, where: str) -> State:
    """Returns the tensors of a safetensors file; raises ``ModelFormat`` for another file or a header over 1 MiB."""
    header = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if data.startswith(_PICKLE_STARTS) and header > MAX_HEADER_BYTES:
        raise ModelFormat("a pickle where safetensors is expected", where=where)
    if header > MAX_HEADER_BYTES:
        raise ModelFormat("header too large", where=where, found=f"{header} bytes", expected=f"<= {MAX_HEADER_BYTES}")
    try:
        tensors: dict[str, torch.Tensor] = load_safetensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelFormat(f"not a safetensors file: {_one_line(error)}", where=where) from None
    return {name: tensor.clone() for name, tensor in tensors.items()}  # own, aligned memory instead of the file's


def parse_state_dict(data: bytes, where: str) -> State:
    """Returns the tensors of an older ``model.pt`` on the CPU; only tensors are unpickled, nothing is called.

    Raises ``ModelFormat`` for anything but a mapping of names to tensors, a malicious pickle included.
    """
    stream = io.BytesIO(data)
    _check_unpacked_size(stream, where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to torch's maintainers about odd pickles
            state: Any = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # a parser of hostile bytes raises whatever its damage leads to
        raise ModelFormat(f"not a state dict: {_one_line(error)}", where=where) from None
    if not isinstance(state, Mapping):
        raise ModelFormat("not a state dict", where=where, found=type(state).__name__)
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ModelFormat("not a state dict of tensors", where=where, found=f"{name}: {type(tensor).__name__}")
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def check_tensors(state: State, model: BaseNeuralModel, where: str) -> None:
    """Checks that names, shapes and types are those of the net and that every value is finite.

    Raises ``ModelShape`` or ``ModelNonfinite`` with the tensor's name.
    """
    wanted = model.state_dict()
    for name, like in wanted.items():
        if name not in state:
            raise ModelShape("tensor is missing", where=where, tensor=name, expected=_layout(like))
        if _layout(state[name]) != _layout(like):
            raise ModelShape(
                "tensor does not fit the net",
                where=where,
                tensor=name,
                found=_layout(state[name]),
                expected=_layout(like),
            )
    for name in state:
        if name not in wanted:
            raise ModelShape("tensor is not one of the net's", where=where, tensor=name, found=_layout(state[name]))
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelNonfinite("weights are not finite", where=where, tensor=name)


def _check_unpacked_size(stream: io.BytesIO, where: str) -> None:
    if not zipfile.is_zipfile(stream):
        stream.seek(0)
        return
    with zipfile.ZipFile(stream) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > MAX_FILE_BYTES:
        raise ModelFormat(
            "file too large", where=where, found=f"{size} bytes unpacked", expected=f"<= {MAX_FILE_BYTES}"
        )
    stream.seek(0)


def _layout(tensor: torch.Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    layout = "" if tensor.layout == torch.strided else f" {str(tensor.layout).removeprefix('torch.')}"
    return f"{kind}{layout} {list(tensor.shape)}"


def _one_line(error: Exception) -> str:
    """Returns the first line of a library's message: the others advise to switch the protection off."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
