"""The image and the sandbox on a real Docker engine: `make test-container`; skipped where there is none.

The image is built from the Dockerfile, on base images from Debian's packages and this machine's Rust. The sandbox is
docker-compose.sandbox.yml as it is.
"""

from __future__ import annotations

import io
import json
import logging
import os
import secrets
import shutil
import socket
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.container.bases import cpu_wheels
from support.container.dockerfile import ROOT, context_files, stages
from support.container.engine import LABEL, Sandbox, compose_command, docker, images
from support.process.processes import furnish, strategy, wait_for

pytestmark = [pytest.mark.container, pytest.mark.timeout(2_700)]
log = logging.getLogger("container")
logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every request

FIRST, SECOND = WORKERS = ("backtest-worker-1", "backtest-worker-2")
PORTS = {FIRST: 8001, SECOND: 8002}
LEASE_S = 30
N_BARS = 150_000
RUN = {"start_date": "2024-01-20", "end_date": "2040-12-31", "threads": 1}
SHORT = RUN | {"end_date": "2024-06-30"}
TEXT = yaml.safe_dump(strategy("slow"), sort_keys=False)


@pytest.fixture(scope="module")
def compose() -> tuple[str, ...]:
    """Compose's command, on a machine that has all that the test needs."""
    words = compose_command()
    missing = [name for name in ("debootstrap", "rustc", "tar") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"base images need root and {', '.join(missing) or 'nothing else'}")
    for port in PORTS.values():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                pytest.skip(f"port {port} of 127.0.0.1 is in use, and the compose file publishes it")
    return words


@pytest.fixture(scope="module")
def wheels() -> Path:
    return cpu_wheels()


@pytest.fixture(scope="module")
def sandbox(compose: tuple[str, ...], wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Database and workers, healthy, with bars and a net in their volume; all is gone at the end."""
    rust, large, slim, _ = (stage.base for stage in stages((ROOT / "Dockerfile").read_text()))
    services = yaml.safe_load((ROOT / "docker-compose.sandbox.yml").read_text())["services"]
    names = {"rust": rust, "large": large, "slim": slim}
    names |= {"postgres": services["db"]["image"], "worker": services[FIRST]["image"]}
    values = {"KTRDR_API_TOKEN": secrets.token_hex(20), "KTRDR_DB_PASSWORD": secrets.token_hex(10)}
    folder = furnish(tmp_path_factory.mktemp("sandbox") / "data", N_BARS, ("slow",))
    (folder / "walker.yaml").write_text(TEXT)
    with images(names, wheels), Sandbox(compose, values) as sandbox:
        for service in ("db", *WORKERS):
            wait_until_healthy(sandbox, service)
        sandbox.inside(FIRST, "tar", "--extract", "--directory=/data", stdin=packed(folder))
        yield sandbox


def packed(folder: Path) -> bytes:
    """The files of a folder, belonging to nobody in particular."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return file.getvalue()


def wait(sandbox: Sandbox, found: Callable[[], Any], within_s: float) -> None:
    """Waits for a true answer; a failure shows what the services have said."""
    try:
        wait_for(found, within_s, 0.5)
    except AssertionError as error:
        logs = [f"--- {service}\n{sandbox.log(service)[-3_000:]}" for service in ("db", *WORKERS)]
        raise AssertionError("waited in vain\n" + "\n".join(logs)) from error


def wait_until_healthy(sandbox: Sandbox, service: str) -> None:
    wait(sandbox, lambda: sandbox.health(service) == "healthy", 120)
    log.info("%s is healthy", service)


def client(sandbox: Sandbox, service: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {sandbox.secrets['KTRDR_API_TOKEN']}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{PORTS[service]}", headers=headers, timeout=30, trust_env=False)


def ask(sandbox: Sandbox, service: str, path: str, body: Any = None) -> dict[str, Any]:
    with client(sandbox, service) as caller:
        said = caller.get(path) if body is None else caller.post(path, json=body)
        assert said.is_success, said.text
        return dict(said.json())


def live(sandbox: Sandbox, service: str) -> set[str]:
    """The hosts of the workers that live, as one of them sees it; a host is named after its container."""
    return {worker["host"] for worker in ask(sandbox, service, "/workers")["workers"] if worker["live"]}


def host(sandbox: Sandbox, service: str) -> str:
    return sandbox.container(service)[:12]


@pytest.mark.usefixtures("compose")
def test_the_engine_sees_the_context_that_the_other_tests_read(tmp_path: Path) -> None:
    """The engine's reading of .dockerignore equals that of `context_files`."""
    tag = "ktrdr-test-container:context"
    file = tmp_path / "image.tar"
    text = f"FROM scratch\nLABEL {LABEL}=yes\nCOPY . /context\n"
    docker("build", "--tag", tag, "--file=-", ROOT, stdin=text)
    try:
        name = docker("create", tag, "nothing").strip()
        try:
            docker("export", f"--output={file}", name)
        finally:
            docker("rm", name)
    finally:
        docker("image", "rm", tag)
    with tarfile.open(file) as archive:
        found = {
            one.name.removeprefix("context/") for one in archive if one.isfile() and one.name.startswith("context/")
        }
    assert found == {path.as_posix() for path in context_files()}


@pytest.mark.parametrize("service", WORKERS)
def test_both_workers_register(sandbox: Sandbox, service: str) -> None:
    """Each of them sees both, and neither answers without the token."""
    wait(sandbox, lambda: live(sandbox, service) == {host(sandbox, name) for name in WORKERS}, 60)
    with client(sandbox, service) as caller:
        assert caller.get("/workers", headers={"authorization": ""}).status_code == 401


@pytest.mark.parametrize("service", WORKERS)
def test_a_worker_has_no_rights(sandbox: Sandbox, service: str) -> None:
    """Every process in the container, looked at from inside."""
    found = json.loads(sandbox.inside(service, "python", "-", stdin=LOOK))
    assert {"docker-init", "ktrdr"} <= {process["Name"] for process in found["processes"]}
    for process in found["processes"]:
        assert process["Uid"].split() == process["Gid"].split() == ["10001"] * 4, process
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(process[name], 16) == 0, (name, process)
        assert process["NoNewPrivs"] == "1"
    assert found["writable"] == {"/": False, "/opt/ktrdr": False, "/var/tmp": False, "/data": True, "/tmp": True}
    assert found["options"]["/"].startswith("ro")
    assert {"noexec", "nosuid", "nodev"} <= set(found["options"]["/tmp"].split(","))
    assert (found["torch"], found["cargo"]) == ("cpu", None)


LOOK = """
import json, pathlib, shutil, tempfile, torch

def status(process):
    return dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())

def writable(place):
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True

mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
print(json.dumps({
    "processes": [
        {key: value.strip() for key, value in status(process).items()}
        for process in pathlib.Path("/proc").glob("[0-9]*")
    ],
    "writable": {place: writable(place) for place in ("/", "/opt/ktrdr", "/var/tmp", "/data", "/tmp")},
    "options": {mount[1]: mount[3] for mount in mounts},
    "torch": torch.__version__.partition("+")[2],
    "cargo": shutil.which("cargo"),
}))
"""


def test_a_run_survives_a_restart_and_a_cut(sandbox: Sandbox) -> None:
    """The first worker is restarted in the middle and then cut off from the database for two leases: same hash."""
    sandbox.do("stop", SECOND)  # so that the first worker has the run
    name = start(sandbox, RUN)
    wait(sandbox, lambda: bar(sandbox, name) > N_BARS // 20, 240)
    assert owner(sandbox, name) == host(sandbox, FIRST)
    log.info("restarting %s at bar %d", FIRST, bar(sandbox, name))
    begun_s = time.monotonic()
    sandbox.do("restart", FIRST)
    assert time.monotonic() - begun_s < 30
    wait_until_healthy(sandbox, FIRST)
    at = bar(sandbox, name)
    wait(sandbox, lambda: bar(sandbox, name) > at + N_BARS // 20, 240)
    assert owner(sandbox, name) == host(sandbox, FIRST)
    cut_off(sandbox, name)
    whole = in_the_foreground(sandbox)
    wait(sandbox, lambda: ask(sandbox, FIRST, f"/operations/{name}")["status"] == "completed", 240)
    for service in WORKERS:
        assert ask(sandbox, service, f"/operations/{name}/results")["result_hash"] == whole
    assert f"{name}: lease_lost" in sandbox.log(FIRST)
    assert sandbox.query(f"SELECT crashes FROM operations WHERE id = '{name}'") == "0"
    log.info("completed, with the hash of the run that nothing stopped")


def start(sandbox: Sandbox, run: dict[str, Any]) -> str:
    body = {"strategy_yaml": TEXT, "symbol": "EURUSD", "timeframe": "1h"} | run
    return str(ask(sandbox, FIRST, "/backtests/start", body)["operation_id"])


def bar(sandbox: Sandbox, name: str) -> int:
    """The bar of the last sign of life, as the database has it."""
    text = sandbox.query(f"SELECT progress FROM operations WHERE id = '{name}' AND status = 'running'")
    return int((json.loads(text or "{}") or {}).get("bar") or 0)


def owner(sandbox: Sandbox, name: str) -> str:
    """The host that runs it; empty where none does."""
    return sandbox.query(f"SELECT split_part(owner, ' ', 1) FROM operations WHERE id = '{name}'")


def cut_off(sandbox: Sandbox, name: str) -> None:
    """Takes the first worker's network away for two leases, in which the second takes its run over."""
    network = next(iter(sandbox.facts(FIRST)["NetworkSettings"]["Networks"]))
    log.info("cutting %s off from the database at bar %d", FIRST, bar(sandbox, name))
    docker("network", "disconnect", network, sandbox.container(FIRST))
    begun_s = time.monotonic()
    sandbox.do("start", SECOND)
    wait_until_healthy(sandbox, SECOND)
    wait(sandbox, lambda: owner(sandbox, name) == host(sandbox, SECOND), 2 * LEASE_S)
    log.info("%s has taken over after %.0f s", SECOND, time.monotonic() - begun_s)
    assert time.monotonic() - begun_s > LEASE_S * 0.8
    assert live(sandbox, SECOND) == {host(sandbox, SECOND)}
    time.sleep(max(0.0, 2 * LEASE_S - (time.monotonic() - begun_s)))
    assert sandbox.health(FIRST) == "healthy"
    docker("network", "connect", "--alias", FIRST, network, sandbox.container(FIRST))
    log.info("%s is back after %.0f s", FIRST, time.monotonic() - begun_s)
    wait(sandbox, lambda: live(sandbox, SECOND) == {host(sandbox, service) for service in WORKERS}, LEASE_S)
    assert sandbox.facts(FIRST)["RestartCount"] == 0


def in_the_foreground(sandbox: Sandbox) -> str:
    """The hash of the same run, which nothing stops; in the container that was cut off."""
    dates = [f"--{key.replace('_', '-')}={value}" for key, value in RUN.items()]
    command = ("ktrdr", "--json", "backtest", "run", "/data/walker.yaml", "EURUSD", "1h", *dates)
    return str(json.loads(sandbox.inside(FIRST, *command))["result_hash"])


def test_a_worker_that_was_cut_off_runs_again(sandbox: Sandbox) -> None:
    sandbox.do("stop", SECOND)
    name = start(sandbox, SHORT)
    wait(sandbox, lambda: ask(sandbox, FIRST, f"/operations/{name}")["status"] == "completed", 120)
    sandbox.do("start", SECOND)
    wait_until_healthy(sandbox, SECOND)


def test_the_workers_stop_in_time_and_keep_secrets(sandbox: Sandbox) -> None:
    """The last test, since it ends the sandbox."""
    begun_s = time.monotonic()
    sandbox.do("stop", *WORKERS)
    assert time.monotonic() - begun_s < 15
    for service in WORKERS:
        assert sandbox.facts(service)["State"]["ExitCode"] == 0
        text = sandbox.log(service)
        assert "registered as" in text
        assert "Traceback" not in text
        assert not [key for key, value in sandbox.secrets.items() if value in text]
