"""The container's files: what they say, and what their scripts do in a clean Debian without an engine at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.container.bases import COMPILER, PYTHON, cpu_wheels, debian, toolchain
from support.container.clean_root import Build, Container, Tree
from support.container.dockerfile import ROOT, Instruction, Stage, context_files, stages

SCRIPTS = ROOT / "scripts" / "container"
TEXT = (ROOT / "Dockerfile").read_text()
STAGES = stages(TEXT)
IMAGE = STAGES[-1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.sandbox.yml").read_text())
SERVICES = COMPOSE["services"]
WORKERS = ("backtest-worker-1", "backtest-worker-2")


def test_stages() -> None:
    """Compiler, installer and sources stay behind: the image is the slim one, with what was installed."""
    assert [stage.name for stage in STAGES] == ["rust", "builder", "installer", "3"]
    assert IMAGE.base == "python:3.11-slim-bookworm" == STAGES[2].base
    assert [one.words for one in IMAGE.all("COPY") if one.options] == [("/opt/ktrdr", "/opt/ktrdr")]


def test_the_toolchain_is_new_enough() -> None:
    needed = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    given = re.fullmatch(r"rust:([0-9.]+)-bookworm", STAGES[0].base)
    assert given is not None
    assert [int(part) for part in given[1].split(".")] >= [int(part) for part in needed.split(".")]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_step_is_a_script(stage: Stage) -> None:
    for step in [one for one in stage.instructions if one.name in {"RUN", "HEALTHCHECK", "ENTRYPOINT"}]:
        assert _is_script(step), step
    assert not stage.all("CMD") + stage.all("ADD") + stage.all("SHELL")


def _is_script(step: Instruction) -> bool:
    name = step.words[0].removeprefix("scripts/container/").removeprefix("/opt/container/")
    return "/" not in name and os.access(SCRIPTS / name, os.X_OK)


def test_needs_no_buildkit() -> None:
    """Docker's client without buildx, and Debian's Compose, use the builder that knows no mounts, links and modes."""
    steps = [one for stage in STAGES for one in stage.instructions if one.name in {"RUN", "COPY"}]
    assert {option for one in steps for option in one.options} == {"from"}
    assert "<<" not in TEXT


def test_every_script_is_a_step() -> None:
    steps = {Path(one.words[0]).name for stage in STAGES for one in stage.instructions if one.words}
    assert {path.name for path in SCRIPTS.iterdir()} <= steps


def test_runs_without_rights_and_writes_only_its_data() -> None:
    env = dict(word.split("=", 1) for one in IMAGE.all("ENV") for word in one.words)
    assert env | {"HOME": "/tmp", "KTRDR_DATA_DIR": "/data", "PYTHONDONTWRITEBYTECODE": "1"} == env
    user = IMAGE.last("USER").words[0]
    assert user == "10001:10001"
    assert IMAGE.all("RUN")[-1].words == ("/opt/container/create_user.sh", user.split(":")[0], "/data")
    assert IMAGE.last("VOLUME").words == ("/data",)
    assert IMAGE.last("STOPSIGNAL").words == ("SIGTERM",)


def test_one_port() -> None:
    port = IMAGE.last("EXPOSE").words[0]
    assert IMAGE.last("HEALTHCHECK").words[1] == f"http://127.0.0.1:{port}/health"
    assert f"--port {port}" in (SCRIPTS / "entrypoint.sh").read_text()
    for name in WORKERS:
        assert [published.rsplit(":", 1)[1] for published in SERVICES[name]["ports"]] == [port]


def test_the_context_holds_what_is_built_and_nothing_else() -> None:
    shown = {path.as_posix() for path in context_files()}
    assert {"Cargo.lock", "requirements.lock", "python/ktrdr/py.typed", "rust/core/Cargo.toml"} <= shown
    copied = [word.rstrip("/") for one in STAGES[1].all("COPY") if not one.options for word in one.words[:-1]]
    tops = {path.split("/")[0] for path in shown} - {"wheels"}
    assert tops == {word.split("/")[0] for word in copied}
    assert not [path for path in shown if path.endswith((".so", ".pyc")) or "test" in path.split("/")[0]]


@pytest.mark.parametrize("file", [ROOT / "Dockerfile", ROOT / "docker-compose.sandbox.yml", *SCRIPTS.iterdir()])
def test_names_no_index_and_no_machine(file: Path) -> None:
    text = re.sub(r"\$\{(\w+).*?\}", r"\1", file.read_text())
    assert set(re.findall(r"://(?:[^/\s\"]*@)?([^:/\s\"]+)", text)) <= {"127.0.0.1", "db"}
    assert not re.search(r"index-url|INDEX_URL|trusted-host|/work/|/home/|/root", text)


def test_compose_has_a_database_and_two_workers() -> None:
    assert set(SERVICES) == {"db", *WORKERS}
    assert SERVICES["db"]["image"].startswith("postgres:")
    assert SERVICES["db"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert "ports" not in SERVICES["db"]
    first, second = ({**SERVICES[name], "ports": None} for name in WORKERS)
    assert first == second


@pytest.mark.parametrize("name", WORKERS)
def test_compose_keeps_a_worker_in_bounds(name: str) -> None:
    worker = SERVICES[name]
    assert worker["build"] == "."
    assert worker["read_only"] is True
    assert worker["tmpfs"] == ["/tmp"]
    assert worker["volumes"] == ["data:/data"]
    assert "data" in COMPOSE["volumes"]
    assert worker["cap_drop"] == ["ALL"]
    assert worker["security_opt"] == ["no-new-privileges:true"]
    assert worker["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert int(worker["stop_grace_period"].removesuffix("s")) > 10
    assert all(published.startswith("127.0.0.1:") for published in worker["ports"])
    assert {"127.0.0.1", "localhost", *WORKERS} <= set(worker["environment"]["KTRDR_ALLOWED_HOSTS"].split(","))
    assert worker["environment"]["KTRDR_DATABASE_URL"].endswith("@db:5432/ktrdr")


def test_compose_refuses_to_start_without_its_secrets() -> None:
    text = (ROOT / "docker-compose.sandbox.yml").read_text()
    for name in ("KTRDR_API_TOKEN", "KTRDR_DB_PASSWORD"):
        uses = re.findall(rf"\$\{{{name}(.*?)\}}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses)
    assert SERVICES["db"]["environment"]["POSTGRES_PASSWORD"].startswith("${KTRDR_DB_PASSWORD:?")


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_health_check(status: int, code: int) -> None:
    """Asks the service itself, whatever proxy the environment names."""
    assert _health_check(_serving(status)).returncode == code


def test_health_check_of_nobody() -> None:
    done = _health_check(_serving(200, closed=True))
    assert done.returncode == 1
    assert done.stderr.startswith("unhealthy: ")


def _health_check(server: ThreadingHTTPServer) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{server.server_port}/health"
    env = os.environ | {"http_proxy": "http://127.0.0.1:1", "no_proxy": ""}
    try:
        return subprocess.run([SCRIPTS / "healthcheck.py", url], capture_output=True, text=True, env=env, timeout=20)
    finally:
        server.server_close()


def _serving(status: int, *, closed: bool = False) -> ThreadingHTTPServer:
    """A server whose one answer is that status; shut down when its port is closed."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if closed:
        server.server_close()
    else:
        threading.Thread(target=server.handle_request, daemon=True).start()
    return server


@pytest.mark.parametrize("wheels", [(), ("ktrdr-1-py3-none-any.whl", "ktrdr-2-py3-none-any.whl")])
def test_installs_one_wheel_or_none(tmp_path: Path, wheels: tuple[str, ...]) -> None:
    for name in wheels:
        (tmp_path / name).touch()
    done = subprocess.run([SCRIPTS / "install_runtime.sh", tmp_path, tmp_path / "venv"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"install_runtime: {tmp_path} must hold exactly one wheel of ktrdr\n"
    assert not (tmp_path / "venv").exists()


@pytest.mark.soak
def test_the_image_in_a_clean_debian(clean_image: Tree, tmp_path: Path) -> None:
    """Every step of the Dockerfile in its order, then the worker as the engine would start it."""
    env = {"KTRDR_API_TOKEN": "0123456789" * 4}
    with Container(clean_image, tmp_path, env, tmp_path / "log") as container:
        container.wait_until_healthy(30)
        _check_rights(container)
        _check_contents(container)
        _check_run(container)
        assert container.stop(15) < 10
    log = (tmp_path / "log").read_text()
    assert env["KTRDR_API_TOKEN"] not in log
    assert "Traceback" not in log


@pytest.fixture
def clean_image() -> Iterator[Tree]:
    """The image, built from nothing but Debian's packages, this machine's Rust and the package index."""
    missing = [name for name in ("debootstrap", "unshare", "setpriv", "nsenter", "ip") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"a clean root needs root and {', '.join(missing) or 'nothing else'}")
    wheels = cpu_wheels()
    with tempfile.TemporaryDirectory(prefix="ktrdr-image-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        yield Build(folder, _base_images(folder), wheels).image(STAGES)


def _base_images(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Debian with Python for the slim image, a compiler over it for the large one, this machine's Rust for Rust's."""
    slim = folder / "slim"
    large = folder / "large"
    rust = folder / "toolchain"
    debian(slim, "bookworm", PYTHON)
    large.mkdir()
    compiler = Tree((slim,), large)
    compiler.run(["apt-get", "-qq", "update"])
    compiler.run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *COMPILER])
    toolchain(rust)
    python = "python:3.11-{}bookworm"
    return {python.format("slim-"): (slim,), python.format(""): (large, slim), STAGES[0].base: (rust,)}


def _check_rights(container: Container) -> None:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{container.pid}/status").read_text().splitlines())
    assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    assert Path(f"/proc/{container.pid}/cmdline").read_text().split("\0")[2:4] == ["worker", "--host"]
    for place, code in (("/data/x", 0), ("/tmp/x", 0), ("/x", 1), ("/opt/ktrdr/x", 1), ("/var/tmp/x", 1)):
        assert container.run("touch", place).returncode == code, place


def _check_run(container: Container) -> None:
    """A worker's run ends on the result of the same run in the foreground."""
    run = "mean_reversion_momentum_v1 EURUSD 1h --start-date {} --end-date {}"
    worker = "--worker http://127.0.0.1:8000"
    _answer(container, "data sample")
    _answer(container, "train " + run.format("2023-01-01", "2023-12-31"))
    line = "backtest run " + run.format("2024-02-01", "2024-04-30")
    here = _answer(container, line)
    queued = _answer(container, f"{line} {worker}")["operation_id"]
    assert _answer(container, f"operations follow {queued} {worker}")["status"] == "completed"
    there = _answer(container, f"backtest show {queued}")
    assert here["operation_id"] != there["operation_id"] == queued
    assert here["result_hash"] == there["result_hash"]


def _answer(container: Container, line: str) -> dict[str, Any]:
    done = container.run("ktrdr", "--json", *line.split())
    assert done.returncode == 0, f"{line}: {done.stdout} {done.stderr}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _check_contents(container: Container) -> None:
    """PyTorch's CPU build, every part of the worker, nothing of the workshop."""
    found = container.run("python", "-c", _LOOK)
    assert found.stdout.splitlines() == ["cpu", "present", "absent"], found.stderr
    assert container.run("cargo", "--version").returncode == 127


_LOOK = """
from importlib.util import find_spec
import torch
print(torch.__version__.partition("+")[2])
print(*{"present" if find_spec(name) else name for name in ("fastapi", "uvicorn", "psycopg_binary", "alembic")})
print(*{"absent" if find_spec(name) is None else name for name in ("pytest", "maturin", "mypy", "pandas", "pyarrow")})
"""
