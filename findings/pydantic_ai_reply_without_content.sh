#!/usr/bin/env bash
# pydantic-ai-slim 2.68.0 with anthropic 2.14.0: a reply of status 200 whose JSON has no `content` ends `model_request` in
# a bare TypeError ('NoneType' object is not iterable) from inside the library.
# Expected by most: ModelAPIError, as for a reply that is no JSON object; its documentation names that as the base of
# all errors of a provider, and a proxy that answers for the service in its own words is such a provider.
# Why it matters here: a design that asks again while the service is away would end as a bug of ours. The service of
# the designer therefore also takes errors of Python from this call as a reply that cannot be read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder" "pydantic-ai-slim[anthropic]==2.68.0" anthropic==2.14.0
PYTHONPATH=$folder python3 - <<'PY'
import asyncio, json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from anthropic import AsyncAnthropic
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider


class Proxy(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"type": "message"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = AsyncAnthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0)
model = AnthropicModel("claude-haiku-4-5", provider=AnthropicProvider(anthropic_client=client))
try:
    question = [ModelRequest.user_text_prompt("hello")]
    asyncio.run(model_request(model, question, model_settings={"max_tokens": 1000}))
except ModelAPIError as error:
    sys.exit(f"now an error of the library: {error}")
except TypeError as error:
    print("a bare TypeError:", error)
else:
    sys.exit("the reply was accepted")
PY
