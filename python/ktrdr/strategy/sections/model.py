"""The net of a strategy: its architecture within bounds, its size and its weight count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from ktrdr.config.faults import Faults
from ktrdr.config.place import Place
from ktrdr.config.strict import Part, validate
from ktrdr.config.variants import Variants, keys_of_others
from ktrdr.errors import ConfigRange, ConfigUnknownKey

MAX_FILE_BYTES = 1 << 30
BYTES_PER_WEIGHT = 4
_GATES = {"lstm": 4, "gru": 3}

Width = Annotated[int, Field(ge=1, le=4_096)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Activation = Literal["relu", "tanh", "sigmoid", "leaky_relu"]


class MlpArchitecture(Part):
    """Hidden layers of a feed-forward net."""

    hidden_layers: Annotated[list[Width], Field(max_length=8)] = [64, 32]  # noqa: RUF012  (pydantic copies it)
    dropout: Dropout = 0.2
    activation: Activation = "relu"
    output_activation: Literal["softmax"] | None = None


class RecurrentArchitecture(Part):
    """Layers of an LSTM or GRU over a window of bars."""

    sequence_length: Annotated[int, Field(ge=1, le=1_024)]
    hidden_size: Annotated[int, Field(ge=1, le=1_024)] = 64
    num_layers: Annotated[int, Field(ge=1, le=4)] = 2
    dropout: Dropout = 0.2
    activation: Activation | None = None
    output_activation: Literal["softmax"] | None = None


ARCHITECTURES: Variants = {"mlp": MlpArchitecture, "lstm": RecurrentArchitecture, "gru": RecurrentArchitecture}
"""The grammar of each kind of net; keys of another kind are refused, since the net would not be the one written."""


class ModelFile(Part):
    """The section ``model`` as written."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        key: f"architecture.{key}"
        for architecture in (MlpArchitecture, RecurrentArchitecture)
        for key in architecture.model_fields
    }

    type: Literal["mlp", "lstm", "gru"] = "mlp"
    architecture: dict[str, Any] = {}  # noqa: RUF012  (pydantic copies it)
    training: dict[str, Any] | None = None
    features: Any = None

    @field_validator("type", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> Any:
        return value.lower() if isinstance(value, str) else value


@dataclass(frozen=True)
class ModelSpec:
    """A net, defaults filled in; keys of the other kind of net are at their neutral value."""

    type: str
    dropout: float
    sequence_length: int = 1
    hidden_layers: tuple[int, ...] = ()
    activation: str | None = None
    hidden_size: int | None = None
    num_layers: int | None = None

    def parameter_count(self, n_features: int, n_outputs: int) -> int:
        """Returns the number of weights and biases.

        >>> ModelSpec("mlp", 0.2, hidden_layers=(64, 32), activation="relu").parameter_count(12, 3)
        3011
        """
        if self.hidden_size is None or self.num_layers is None:
            widths = (n_features, *self.hidden_layers, n_outputs)
            return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
        hidden = self.hidden_size
        inputs = n_features + (self.num_layers - 1) * hidden
        cells = _GATES[self.type] * hidden * (inputs + self.num_layers * (hidden + 2))
        return cells + (hidden + 1) * n_outputs

    def canonical(self) -> dict[str, Any]:
        """Returns the section as a file has it, defaults written out."""
        if self.type == "mlp":
            shape = {"hidden_layers": list(self.hidden_layers), "dropout": self.dropout, "activation": self.activation}
        else:
            shape = {
                "sequence_length": self.sequence_length,
                "hidden_size": self.hidden_size,
                "num_layers": self.num_layers,
                "dropout": self.dropout,
            }
        return {"type": self.type, "architecture": shape}


def resolve_model(file: ModelFile, output_format: str | None, place: Place) -> ModelSpec:
    """Returns the architecture; raises a ``ConfigError`` leaf for a key of the other kind or out of bounds."""
    inner = place.at("architecture")
    faults = Faults(
        inner.error(ConfigUnknownKey, f"has an effect only with {needed}", (key,))
        for key, needed in keys_of_others(file.architecture, ARCHITECTURES, "type", file.type).items()
    )
    faults.attempt(validate, ARCHITECTURES[file.type], file.architecture, inner)
    faults.raise_all()
    if file.type == "mlp":
        mlp = validate(MlpArchitecture, file.architecture, inner)
        _softmax_fits(mlp.output_activation, output_format, inner)
        return ModelSpec("mlp", mlp.dropout, hidden_layers=tuple(mlp.hidden_layers), activation=mlp.activation)
    net = validate(RecurrentArchitecture, file.architecture, inner)
    _softmax_fits(net.output_activation, output_format, inner)
    return ModelSpec(
        file.type, net.dropout, net.sequence_length, hidden_size=net.hidden_size, num_layers=net.num_layers
    )


def _softmax_fits(activation: str | None, output_format: str | None, place: Place) -> None:
    if activation is not None and output_format == "regression":
        raise place.error(
            ConfigRange, "a regression has no softmax", ("output_activation",), found=activation, expected="no such key"
        )


def check_file_size(parameters: int, place: Place) -> None:
    """Refuses a net whose weights would not fit into a bundle."""
    size = parameters * BYTES_PER_WEIGHT
    if size > MAX_FILE_BYTES:
        raise place.error(ConfigRange, "model file too large", found=f"{size} bytes", expected=f"<= {MAX_FILE_BYTES}")


def model_section(mapping: Mapping[str, Any], place: Place) -> ModelFile:
    """Returns the section ``model`` as written."""
    return validate(ModelFile, mapping, place)
