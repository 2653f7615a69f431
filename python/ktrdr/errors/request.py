"""Errors of a caller: HTTP requests, arguments and commands."""

from __future__ import annotations

from ktrdr.errors.base import KtrdrError


class RequestError(KtrdrError, ValueError):
    """A call of the HTTP service that is refused."""


class AuthRequired(RequestError, code="auth_required"):
    """A call without a valid token."""


class HostNotAllowed(RequestError, code="host_not_allowed"):
    """A Host that is not on the list, or a request from another site."""


class BodyTooLarge(RequestError, code="body_too_large"):
    """A body over the limit, announced or not."""


class ContentType(RequestError, code="content_type"):
    """A body, or a call that changes something, that is not ``application/json``."""


class HttpInvalid(RequestError, code="http_invalid"):
    """A request that breaks a rule of HTTP, or a limit of its head or its time."""


class Busy(RequestError, code="busy"):
    """A request that would be one too many; another attempt may succeed after ``retry_after`` seconds."""

    place_fields = ("retry_after",)
    retry_after: float | None


class QuotaExceeded(RequestError, code="quota_exceeded"):
    """A request for one more than a setting lets be stored; ``expected`` names both."""


class JsonInvalid(RequestError, code="json_invalid"):
    """A body that is not JSON, or nested too deeply."""


class RequestInvalid(RequestError, code="request_invalid"):
    """A field of a request that is missing, unknown or out of range; ``field`` names it."""

    place_fields = ("field",)
    field: str | None

    def _details(self) -> list[str | None]:
        return [self.field]


class IdempotencyConflict(RequestError, code="idempotency_conflict"):
    """A key that was used for another request."""


class UsageError(KtrdrError, ValueError, code="usage"):
    """A command line that cannot be read."""


class ArgumentInvalid(UsageError, code="argument_invalid"):
    """An argument outside what the call accepts."""


class ReferenceAmbiguous(UsageError, LookupError, code="reference_ambiguous"):
    """The start of an id that several operations share; ``candidates`` are ids of such operations."""

    place_fields = ("candidates",)
    candidates: list[str] | None


class OutputNotWritable(UsageError, code="output_not_writable"):
    """An output path that cannot be written; checked before the run."""


class WorkerUnreachable(UsageError, code="worker_unreachable"):
    """A worker that does not answer at its address."""


class LibraryMissing(UsageError, ImportError, code="library_missing"):
    """A library of an extra that is not installed; the hint names the extra."""
