"""A headless Chromium, driven over its debugging pipe: pages as a user has them."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.process.processes import wait_for

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--window-size=1100,700", "--remote-debugging-pipe",
)  # fmt: skip


class Wire:
    """The pipe to a browser: calls in turn, and what its tabs say meanwhile."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._unread = b""
        self._number = 0
        self.tabs: dict[str, Page] = {}

    def call(self, session: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer of the browser to a call of a tab, or of none."""
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        call |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(call).encode() + b"\0")
        while (said := self._next()).get("id") != self._number:
            if tab := self.tabs.get(said.get("sessionId", "")):
                tab.hear(said)
        assert "error" not in said, said["error"]
        found: dict[str, Any] = said["result"]
        return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            piece = os.read(self._answers, 1 << 20)
            assert piece, "the browser has gone"
            self._unread += piece
        message, _, self._unread = self._unread.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


class Page:
    """One tab, in a window of its own so that it is seen."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._session = ""
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self._call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        wire.tabs[self._session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def beside(self) -> Page:
        """Another tab of the same person."""
        return Page(self._wire)

    def open(self, url: str) -> None:
        """Goes to an address and waits until the page is loaded."""
        self._call("Page.navigate", url=url)
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Returns the value of a script; a promise is waited for."""
        found = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str, within_s: float = 30) -> None:
        """Until a script comes to something true."""
        wait_for(lambda: self.run(script), within_s, 0.05)

    def screen(self, width: int, height: int, *, dark: bool = False) -> None:
        """Makes the screen so large, of a person who likes it dark or light."""
        facts = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **facts)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def main_thread_s(self) -> float:
        """Processor seconds of the page's main thread so far, from the first call on."""
        self._call("Performance.enable", timeDomain="threadTicks")
        found = {one["name"]: one["value"] for one in self._call("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"])

    def press(self, key: str) -> None:
        """One key, as a keyboard sends it to what has the focus."""
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else "")

    def pdf(self) -> bytes:
        """The page on paper."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=True)["data"])

    def picture(self) -> bytes:
        """Returns a picture of the page, as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._wire.call(self._session, method, parameters)

    def hear(self, said: dict[str, Any]) -> None:
        """Keeps what a page complains of, and every address that it asks for."""
        if said.get("method") == "Log.entryAdded":
            self.complaints.append(said["params"]["entry"]["text"])
        elif said.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(said["params"]["exceptionDetails"]))
        elif said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A page of a fresh browser; the test is skipped where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the path")
    commands_out, commands_in = os.pipe()
    answers_out, answers_in = os.pipe()

    def as_expected() -> None:
        """The browser reads commands from descriptor 3 and writes answers to 4."""
        os.dup2(high_out, 3)
        os.dup2(high_in, 4)

    high_out, high_in = (_above(descriptor) for descriptor in (commands_out, answers_in))
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}"], close_fds=False, preexec_fn=as_expected,  # noqa: PLW1509
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for descriptor in (commands_out, answers_in, high_out, high_in):
        os.close(descriptor)
    try:
        yield Page(Wire(commands_in, answers_out))
    finally:
        process.kill()
        process.wait()
        os.close(commands_in)
        os.close(answers_out)


def _above(descriptor: int) -> int:
    """The same, out of the way of 3 and 4."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
