"""One question to a language model: asked again while the service is overloaded, given up when the caller stops."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ktrdr.control import CancellationToken
from ktrdr.errors import Cancelled, DesignerUnavailable
from ktrdr.research.designer.base import Usage
from ktrdr.research.designer.language.answers import Answer, harmless
from ktrdr.research.designer.language.models import Price
from ktrdr.research.designer.language.prompt import TOOL, answer_schema, instructions

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may succeed."""

_LONGEST_PAUSE_SECONDS = 60.0
_CHECK_SECONDS = 0.05


@dataclass(frozen=True)
class Service:
    """The service of a language model.

    Args:
        model: id of the model.
        key: secret of the user; it is in no message.
        url: address of the service.
        price: of the model's tokens.
        retries: times that a refused question is asked again.
        pause_seconds: before the first repetition; it doubles with each.
        timeout_seconds: of one request.
    """

    model: str
    key: str
    url: str
    price: Price
    retries: int = 4
    pause_seconds: float = 2.0
    timeout_seconds: float = 300.0

    def __repr__(self) -> str:
        return f"Service({self.model!r} at {self.url!r})"

    def ask(self, question: str, most_tokens: int, token: CancellationToken, calls: int) -> Answer:
        """Returns the answer to a question; ``calls`` were answered before it.

        Raises ``DesignerUnavailable``, and ``Cancelled`` once the token asks to stop, also while the answer is awaited.
        """
        refused = 0
        while True:
            try:
                return self._answer(_awaited(self._request(question, most_tokens), token), refused)
            except _RefusedError as error:
                if not error.passing or refused >= self.retries:
                    raise self._unavailable(error, refused, calls) from None
                pause = error.retry_after or self.pause_seconds * 2**refused
                refused += 1
                _wait(min(pause, _LONGEST_PAUSE_SECONDS), token)

    async def _request(self, question: str, most_tokens: int) -> ModelResponse:
        """Sends one request; the model is given a single tool, the form of its answer, which runs nothing."""
        from anthropic import AsyncAnthropic
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior
        from pydantic_ai.messages import ModelRequest, UserPromptPart
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider
        from pydantic_ai.tools import ToolDefinition

        tool = ToolDefinition(
            name=TOOL, description="The strategy.", parameters_json_schema=answer_schema(), kind="output"
        )
        parameters = ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
        message = ModelRequest(parts=[UserPromptPart(question)], instructions=instructions())
        # The client's own repetitions are off: every request is counted here, and stops when the caller stops.
        client = AsyncAnthropic(api_key=self.key, base_url=self.url, max_retries=0, timeout=self.timeout_seconds)
        model = AnthropicModel(self.model, provider=AnthropicProvider(anthropic_client=client))
        try:
            async with client:
                return await model_request(
                    model,
                    [message],
                    model_settings={"max_tokens": most_tokens, "thinking": False},
                    model_request_parameters=parameters,
                )
        except ModelHTTPError as error:
            passing = error.status_code in _PASSING
            raise _RefusedError(
                _message_of(error.body), error.status_code, passing, _retry_after(error.headers)
            ) from None
        except ModelAPIError as error:
            raise _RefusedError(harmless(error.message), None, True, None) from None
        except (UnexpectedModelBehavior, TypeError, ValueError, AttributeError, LookupError) as error:
            # A reply of another shape than the API's ends in an error of Python inside the client.
            raise _RefusedError(f"not a reply of the API: {harmless(str(error))}", None, True, None) from None

    def _answer(self, response: ModelResponse, refused: int) -> Answer:
        usage = Usage(
            calls=1,
            retries=refused,
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost_usd=self.price.of(response.usage.input_tokens, response.usage.output_tokens),
        )
        finish = response.finish_reason
        return Answer(_text(response), finish == "length", finish == "content_filter", usage)

    def _unavailable(self, error: _RefusedError, refused: int, calls: int) -> DesignerUnavailable:
        hints = {
            401: "the key is not accepted: check KTRDR_MODEL_KEY or ANTHROPIC_API_KEY",
            403: "the key may not use this model",
            404: "name another model: haiku, sonnet, opus or a full id",
        }
        hint = hints.get(error.status or 0, "try again later, or use -m grammar")
        found = f"{error.reason} after {refused + 1} requests" if error.passing else error.reason
        fields: dict[str, Any] = {"calls": calls, "status": error.status}
        where = f"model {self.model}"
        return DesignerUnavailable("the language model gave no answer", where=where, found=found, hint=hint, **fields)


class _RefusedError(Exception):
    """A request without an answer; ``passing`` says that the same one may succeed later."""

    def __init__(self, reason: str, status: int | None, passing: bool, retry_after: float | None) -> None:
        super().__init__(reason)
        self.reason = reason if status is None else f"{status} {reason}".strip()
        self.status = status
        self.passing = passing
        self.retry_after = retry_after


def _text(response: ModelResponse) -> str:
    """Returns the input of the answer's tool as JSON, else its text; calls of any other tool are dropped."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    for part in response.parts:
        if isinstance(part, ToolCallPart) and part.tool_name == TOOL:
            return part.args if isinstance(part.args, str) else json.dumps(part.args or {})
    return "\n".join(part.content for part in response.parts if isinstance(part, TextPart))


def _message_of(body: object) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return harmless(str(message or body or ""), 200)


def _retry_after(headers: dict[str, str] | None) -> float | None:
    try:
        seconds = float((headers or {}).get("retry-after", "nan"))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _awaited(work: Awaitable[ModelResponse], token: CancellationToken) -> ModelResponse:
    """Runs a request in a thread with its own loop, so that the caller may have one, and stops it with the token."""
    made: list[ModelResponse | BaseException] = []

    async def until_cancelled() -> ModelResponse:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait([task], timeout=_CHECK_SECONDS)
            if token.is_cancelled():
                task.cancel()
        if task.cancelled():
            raise Cancelled("the design was stopped", where="design")
        return task.result()

    def run() -> None:
        try:
            made.append(asyncio.run(until_cancelled()))
        except BaseException as error:
            made.append(error)

    thread = threading.Thread(target=run, name="design")
    thread.start()
    thread.join()
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]


def _wait(seconds: float, token: CancellationToken) -> None:
    """Waits; raises ``Cancelled`` once the token asks to stop."""
    stop = threading.Event()
    for _ in range(math.ceil(seconds / _CHECK_SECONDS)):
        if token.is_cancelled():
            raise Cancelled("the design was stopped", where="design")
        stop.wait(min(_CHECK_SECONDS, seconds))
