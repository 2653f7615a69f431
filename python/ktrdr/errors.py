"""Every error ktrdr raises on purpose: one tree, one stable ``code`` per leaf.

    KtrdrError
    ├── DataError (ValueError)        bars and files of bars            exit 3, HTTP 422
    ├── ConfigError (ValueError)      strategy files and rules          exit 3, HTTP 422
    ├── ModelError (ValueError)       model bundles                     exit 3, HTTP 422
    ├── TrainingError (ValueError)    labels, rows, divergence          exit 3, HTTP 422
    ├── SnapshotError (ValueError)    snapshots, refused resumes        exit 4, HTTP 409
    ├── SimulationError (ValueError)  orders that cannot be priced      exit 3, HTTP 422
    ├── StorageError (RuntimeError)   the database of operations        exit 5, HTTP 503
    ├── OperationError (ValueError)   operations that cannot do that    exit 4, HTTP 409
    ├── RequestError (ValueError)     calls of the HTTP service         exit 2, HTTP 4xx
    ├── UsageError (ValueError)       arguments of a call or a command  exit 2, HTTP 422
    └── InternalError (RuntimeError)  a promise of ours that broke      exit 6, HTTP 500

A message says what, where, found, expected and what to do; each part is also a field, so a program
need not read prose. ``LookupError`` or ``FileNotFoundError`` is a further base where a Python user
would already catch it.

>>> error = DataPriceRange("price must be positive", symbol="EURUSD", row=3, field="low", found=-1.0)
>>> str(error)
'EURUSD: row 3: low: price must be positive: found -1.0'
>>> error.code, error.exit_code, error.http_status
('data_price_range', 3, 422)
"""

from __future__ import annotations

from typing import Any, ClassVar


class KtrdrError(Exception):
    """Base of the tree; its constructor arguments are keyword fields of the message.

    Args:
        what: the sentence that names the problem.
        where: file, field, option or series the problem sits in.
        found: the offending value, as given.
        expected: what would have been accepted.
        hint: what to do about it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 6
    http_status: ClassVar[int] = 500
    place_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, what: str, *, where: str = "", found: object = None, expected: object = None, hint: str = "", **place: Any
    ) -> None:
        unknown = set(place) - set(self.place_fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)}")
        self.what, self.where, self.found, self.expected, self.hint = what, where, found, expected, hint
        for name in self.place_fields:
            setattr(self, name, place.get(name))
        super().__init__(self._sentence())

    def _place(self) -> list[str]:
        return [self.where] if self.where else []

    def _sentence(self) -> str:
        text = ": ".join([*self._place(), self.what])
        facts = []
        if self.found is not None:
            facts.append(f"found {_shown(self.found)}")
        if self.expected is not None:
            facts.append(f"expected {_shown(self.expected)}")
        if facts:
            text += ": " + ", ".join(facts)
        return text + (f"; {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.fields())

    def fields(self) -> dict[str, Any]:
        """The message as data: what, where, found, expected, hint and the place fields of the class."""
        names = ("what", "where", "found", "expected", "hint", *self.place_fields)
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: code, message and every field that is set."""
        shown = {key: value for key, value in self.fields().items() if value not in (None, "")}
        return {"code": self.code, "message": str(self)} | {
            key: value if isinstance(value, int | float | str | list) else _shown(value) for key, value in shown.items()
        }


def _rebuild(kind: type[KtrdrError], fields: dict[str, Any]) -> KtrdrError:
    return kind(**fields)


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else repr(value)


class DataError(KtrdrError, ValueError):
    """Bars that cannot be used; ``symbol``, ``timeframe``, ``row`` (from 0) and ``field`` say where.

    Where a whole file was audited, ``table`` lists every broken rule: row, field, value, rule.
    """

    exit_code = 3
    http_status = 422
    place_fields = ("symbol", "timeframe", "row", "field", "table")
    symbol: str | None
    timeframe: str | None
    row: int | None
    field: str | None
    table: list[dict[str, Any]] | None

    def _place(self) -> list[str]:
        series = " ".join(part for part in (self.symbol, self.timeframe) if part)
        parts = [self.where, series, f"row {self.row}" if self.row is not None else "", self.field or ""]
        return [part for part in parts if part]


class DataEmpty(DataError):
    """No bars at all."""

    code = "data_empty"


class DataTooShort(DataError):
    """Fewer bars than the warm-up needs."""

    code = "data_too_short"


class DataNonfinite(DataError):
    """NaN or infinity among prices or volumes."""

    code = "data_nonfinite"


class DataOhlcOrder(DataError):
    """High below, or low above, another price of the bar."""

    code = "data_ohlc_order"


class DataDuplicate(DataError):
    """A stamp that occurs twice."""

    code = "data_duplicate"


class DataUnsorted(DataError):
    """A stamp earlier than the one before it."""

    code = "data_unsorted"


class DataNoTimezone(DataError):
    """Stamps without a time zone."""

    code = "data_no_timezone"


class DataTimeUnit(DataError):
    """Stamps in the wrong unit, such as milliseconds among nanoseconds."""

    code = "data_time_unit"


class DataPriceRange(DataError):
    """A price that is zero or negative, or a volume below zero."""

    code = "data_price_range"


class DataTimeframe(DataError):
    """A spacing of stamps that is not the timeframe."""

    code = "data_timeframe"


class DataParse(DataError):
    """A cell that cannot be read; ``where`` holds file, line and column."""

    code = "data_parse"


class DataNotFound(DataError, FileNotFoundError):
    """No such series in the data folder."""

    code = "data_not_found"
    http_status = 404

    def __str__(self) -> str:
        return self._sentence()


class DataExists(DataError):
    """An import over a stored series without ``--replace`` or ``--append``."""

    code = "data_exists"


class DataMixed(DataError):
    """Synthetic and real series in one run."""

    code = "data_mixed"


class DataNoVolume(DataError):
    """An indicator that reads volume on a series that has none."""

    code = "data_no_volume"


class DataLookahead(DataError):
    """A higher series whose bars know what the base series learns later."""

    code = "data_lookahead"


class DataAmbiguousTime(DataError):
    """A local hour that occurs twice and cannot be told apart by file order."""

    code = "data_ambiguous_time"


class ConfigError(KtrdrError, ValueError):
    """A strategy file or rule that cannot be used; ``line`` (from 1) and ``path`` (dotted keys) say where."""

    exit_code = 3
    http_status = 422
    place_fields = ("line", "path")
    line: int | None
    path: str | None

    def _place(self) -> list[str]:
        file = self.where + (f":{self.line}" if self.line is not None else "")
        return [part for part in (file, self.path or "") if part]


class ConfigUnknownKey(ConfigError):
    """A key the grammar does not know."""

    code = "config_unknown_key"


class ConfigDuplicateKey(ConfigError):
    """A key that stands twice in one mapping."""

    code = "config_duplicate_key"


class ConfigAlias(ConfigError):
    """A YAML anchor, alias or merge key."""

    code = "config_alias"


class ConfigTooDeep(ConfigError):
    """Nesting beyond 16 levels."""

    code = "config_too_deep"


class ConfigTag(ConfigError):
    """A YAML tag."""

    code = "config_tag"


class ConfigType(ConfigError):
    """A value of the wrong type."""

    code = "config_type"


class ConfigMissing(ConfigError):
    """A required key that is absent."""

    code = "config_missing"


class ConfigNonfinite(ConfigError):
    """NaN, infinity or a number that overflows."""

    code = "config_nonfinite"


class ConfigRange(ConfigError):
    """A value outside its bounds or choices."""

    code = "config_range"


class ConfigFuzzy(ConfigError):
    """Fuzzy parameters in wrong number or order."""

    code = "config_fuzzy"


class ConfigReference(ConfigError, LookupError):
    """A reference to something that is not declared."""

    code = "config_reference"


class ConfigDuplicateFeature(ConfigError):
    """Two inputs that give the same feature."""

    code = "config_duplicate_feature"


class ConfigDocument(ConfigError):
    """A file that is not one YAML document in UTF-8 within the size limit."""

    code = "config_document"


class ConfigNotFound(ConfigError, FileNotFoundError):
    """No strategy of that name or path."""

    code = "config_not_found"

    def __str__(self) -> str:
        return self._sentence()


class ModelError(KtrdrError, ValueError):
    """A model bundle that cannot be used; ``tensor`` names the weight, where there is one."""

    exit_code = 3
    http_status = 422
    place_fields = ("tensor",)
    tensor: str | None

    def _place(self) -> list[str]:
        return [part for part in (self.where, self.tensor or "") if part]


class ModelNotFound(ModelError, FileNotFoundError):
    """No bundle at that path, or none trained for the run."""

    code = "model_not_found"
    http_status = 404

    def __str__(self) -> str:
        return self._sentence()


class ModelFormat(ModelError):
    """A file that is not in the bundle's format."""

    code = "model_format"


class ModelShape(ModelError):
    """Missing, extra or misshapen tensors."""

    code = "model_shape"


class ModelNonfinite(ModelError):
    """Weights that are NaN or infinite."""

    code = "model_nonfinite"


class ModelHash(ModelError):
    """A file whose hash is not the recorded one."""

    code = "model_hash"


class ModelFeatureMismatch(ModelError):
    """A strategy whose features differ from those the bundle was trained on."""

    code = "model_feature_mismatch"


class ModelInSample(ModelError):
    """A strict run over bars the model was fitted or selected on."""

    code = "model_in_sample"


class TrainingError(KtrdrError, ValueError):
    """A training that cannot start or go on."""

    exit_code = 3
    http_status = 422


class LabelNotSupported(TrainingError):
    """Labels whose classes are not trades."""

    code = "label_not_supported"


class LabelsEmpty(TrainingError):
    """No usable row in a split."""

    code = "labels_empty"


class TrainingDiverged(TrainingError):
    """A loss or weight that is no longer finite, at that ``epoch`` and ``batch`` (from 1) and ``learning_rate``."""

    code = "training_diverged"
    place_fields = ("epoch", "batch", "learning_rate")
    epoch: int | None
    batch: int | None
    learning_rate: float | None

    def _place(self) -> list[str]:
        if self.epoch is None:
            return super()._place()
        return [*super()._place(), f"epoch {self.epoch}, batch {self.batch}, learning rate {self.learning_rate:g}"]


class Cancelled(KtrdrError):
    """The run's cancellation token asked it to stop; what was saved can be resumed."""

    code = "cancelled"
    exit_code = 130
    http_status = 409


class SnapshotError(KtrdrError, ValueError):
    """A snapshot that cannot be continued."""

    exit_code = 4
    http_status = 409
    place_fields = ("part",)
    part: str | None

    def _place(self) -> list[str]:
        return [part for part in (self.where, self.part or "") if part]


class SnapshotCorrupt(SnapshotError):
    """Bytes that are truncated or changed."""

    code = "snapshot_corrupt"


class SnapshotTooNew(SnapshotError):
    """A snapshot of a later version of ktrdr."""

    code = "snapshot_too_new"


class SnapshotInconsistent(SnapshotError):
    """Intact bytes that describe an impossible state."""

    code = "snapshot_inconsistent"


class IdentityMismatch(SnapshotError):
    """Inputs that changed since the snapshot; ``part`` names the one that differs."""

    code = "identity_mismatch"


class ProfileMismatch(IdentityMismatch):
    """Another numeric profile than the snapshot's: ``found`` and ``expected`` name what differs."""

    code = "profile_mismatch"


class SnapshotWrongOperation(SnapshotError):
    """A snapshot of another run."""

    code = "snapshot_wrong_operation"


class SnapshotUnrecoverable(SnapshotError):
    """Snapshots were saved, and none of those kept can be continued."""

    code = "snapshot_unrecoverable"


class SimulationError(KtrdrError, ValueError):
    """A bar that the simulation cannot price; ``row`` is its index."""

    exit_code = 3
    http_status = 422
    place_fields = ("row",)
    row: int | None

    def _place(self) -> list[str]:
        return [part for part in (self.where, f"bar {self.row}" if self.row is not None else "") if part]


class FillPrice(SimulationError):
    """A market fill whose price after costs is not positive."""

    code = "fill_price"


class StorageError(KtrdrError, RuntimeError):
    """The database of operations cannot be used."""

    exit_code = 5
    http_status = 503


class StorageUnavailable(StorageError):
    """The database cannot be used; what was saved can be resumed.

    ``transient`` where it is locked, away or full, so that another attempt may succeed.
    """

    code = "storage_unavailable"
    place_fields = ("transient",)
    transient: bool | None


class DatabaseTooNew(StorageError):
    """A database that a later version of ktrdr has written."""

    code = "database_too_new"


class OperationError(KtrdrError, ValueError):
    """An operation that cannot do what was asked, in the state it is in; ``operation`` is its id."""

    exit_code = 4
    http_status = 409
    place_fields: ClassVar[tuple[str, ...]] = ("operation",)
    operation: str | None

    def _place(self) -> list[str]:
        return [part for part in (self.where, self.operation or "") if part]


class NotFound(OperationError, LookupError):
    """No operation of that id, or nothing at that address."""

    code = "not_found"
    exit_code = 3
    http_status = 404


class AlreadyRunning(OperationError):
    """Somebody runs it; ``retry_after`` is when their lease ends, seconds from now."""

    code = "already_running"
    place_fields = ("operation", "retry_after")
    retry_after: float | None


class AlreadyCompleted(OperationError):
    """It has its result, and a result is never changed."""

    code = "already_completed"


class NotCompleted(OperationError):
    """Its result was asked for before its end; ``status`` is how it stands."""

    code = "not_completed"
    place_fields = ("operation", "status")
    status: str | None


class NothingToFork(OperationError):
    """It has no snapshot that a fork could begin with."""

    code = "nothing_to_fork"


class ChildOperation(OperationError):
    """A part of a larger operation, which alone can only be shown."""

    code = "child_operation"


class LeaseLost(OperationError):
    """The run belongs to somebody else by now; what this process would have written is not written."""

    code = "lease_lost"


class Poisoned(OperationError):
    """Its process crashed three times without getting further."""

    code = "poisoned"


class RequestError(KtrdrError, ValueError):
    """A call of the HTTP service that is refused."""

    exit_code = 2
    http_status = 422


class AuthRequired(RequestError):
    """No token, or a wrong one."""

    code = "auth_required"
    http_status = 401


class HostNotAllowed(RequestError):
    """A Host that is not on the list, or a request from another site."""

    code = "host_not_allowed"
    http_status = 403


class BodyTooLarge(RequestError):
    """A body over the limit, announced or not."""

    code = "body_too_large"
    http_status = 413


class ContentType(RequestError):
    """A body, or a call that changes something, that is not ``application/json``."""

    code = "content_type"
    http_status = 415


class JsonInvalid(RequestError):
    """A body that is not JSON, or nested too deeply."""

    code = "json_invalid"
    http_status = 400


class RequestInvalid(RequestError):
    """A field that is missing, unknown, or outside what is accepted; ``field`` names it."""

    code = "request_invalid"
    place_fields = ("field",)
    field: str | None

    def _place(self) -> list[str]:
        return [part for part in (self.where, self.field or "") if part]


class IdempotencyConflict(RequestError):
    """A key that was used for another request."""

    code = "idempotency_conflict"
    http_status = 409


class UsageError(KtrdrError, ValueError):
    """A command line that cannot be read."""

    code = "usage"
    exit_code = 2
    http_status = 422


class ArgumentInvalid(UsageError):
    """An argument outside what the call accepts."""

    code = "argument_invalid"


class OutputNotWritable(UsageError):
    """An output path that cannot be written, found out before the run."""

    code = "output_not_writable"


class WorkerUnreachable(UsageError):
    """Nobody answers at the worker's address."""

    code = "worker_unreachable"
    http_status = 502


class InternalError(KtrdrError, RuntimeError):
    """A promise of ktrdr that broke: please report it."""

    code = "internal"


class AccountingIdentity(InternalError):
    """Initial capital plus net P&L is not the final equity."""

    code = "accounting_identity"


def all_errors() -> dict[str, type[KtrdrError]]:
    """Every leaf of the tree by its code.

    >>> all_errors()["data_empty"].__name__
    'DataEmpty'
    """
    found: dict[str, type[KtrdrError]] = {}
    waiting = list(KtrdrError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.code != "error":
            found[kind.code] = kind
    return found


def from_code(code: str, what: str, **fields: Any) -> KtrdrError:
    """The error of that code: how the Rust core's errors become Python's.

    >>> from_code("data_empty", "no bars").exit_code
    3
    """
    kind = all_errors().get(code, InternalError)
    known = {name: value for name, value in fields.items() if name in kind.place_fields or name in _COMMON}
    return kind(what, **known)


_COMMON = ("where", "found", "expected", "hint")
