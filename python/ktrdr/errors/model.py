"""Errors of model bundles and of training."""

from __future__ import annotations

from ktrdr.errors.base import KtrdrError


class ModelError(KtrdrError, ValueError):
    """A model bundle that cannot be used; ``tensor`` names the weight, where there is one."""

    place_fields = ("tensor",)
    tensor: str | None

    def _details(self) -> list[str | None]:
        return [self.tensor]


class ModelNotFound(ModelError, FileNotFoundError, code="model_not_found"):
    """A bundle that does not exist, or none trained for the run."""


class ModelFormat(ModelError, code="model_format"):
    """A file that is not in the bundle's format."""


class ModelShape(ModelError, code="model_shape"):
    """Missing, extra or misshapen tensors."""


class ModelNonfinite(ModelError, code="model_nonfinite"):
    """Weights that are NaN or infinite."""


class ModelHash(ModelError, code="model_hash"):
    """A file whose hash is not the recorded one."""


class ModelFeatureMismatch(ModelError, code="model_feature_mismatch"):
    """A strategy whose features differ from those the bundle was trained on."""


class ModelInSample(ModelError, code="model_in_sample"):
    """A strict run over bars the model was fitted or selected on, or one before them."""


class ModelInUse(ModelError, code="model_in_use"):
    """A bundle that cannot be deleted, because a run that has not ended needs it."""


class TrainingError(KtrdrError, ValueError):
    """A training that cannot start or continue."""


class LabelNotSupported(TrainingError, code="label_not_supported"):
    """Labels whose classes are not trades."""


class LabelsEmpty(TrainingError, code="labels_empty"):
    """A split without a usable row."""


class TrainingDiverged(TrainingError, code="training_diverged"):
    """A loss or weight that is not finite; ``epoch`` and ``batch`` (from 1) and ``learning_rate`` say where."""

    place_fields = ("epoch", "batch", "learning_rate")
    epoch: int | None
    batch: int | None
    learning_rate: float | None

    def _details(self) -> list[str | None]:
        if self.epoch is None:
            return []
        return [f"epoch {self.epoch}, batch {self.batch}, learning rate {self.learning_rate:g}"]
