"""The embedded stack from outside: each test runs the command as a process of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient

AUGENTIS = [sys.executable, "-m", "cli.main"]
PATIENCE = 60.0


class Stack:
    def __init__(self, home: Path) -> None:
        self.home = home
        embedded = ("KAFKA_", "DATABASE_URL", "AUGENTIS_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(embedded)}
        self.environment["AUGENTIS_HOME"] = str(home)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*AUGENTIS, "stack", *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*AUGENTIS, "stack", *arguments],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def env(self) -> dict[str, str]:
        env: dict[str, str] = json.loads((self.home / "stack" / "env.json").read_text())
        return env

    def supervisor(self) -> int:
        return int(json.loads((self.home / "stack" / "state.json").read_text())["supervisor"])

    def family(self) -> list[psutil.Process]:
        supervisor = psutil.Process(self.supervisor())
        return [supervisor, *supervisor.children(recursive=True)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    stack.run("down", "--purge")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("home"))
    up = stack.run("up")
    assert up.returncode == 0, up.stderr
    yield stack
    stack.run("down", "--purge")


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def gone(processes: list[psutil.Process]) -> bool:
    # A zombie has ended; whoever inherited it has not asked yet.
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


async def value(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def topics(servers: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


def test_status_is_that_of_the_interface(running):
    status = running.status()
    assert set(status) == {"state", "data_dir", "kafka", "postgres"}
    assert set(status["kafka"]) == {"state", "bootstrap_servers", "pid", "log"}
    assert set(status["postgres"]) == {"state", "database_url", "pid", "log"}
    assert status["state"] == status["kafka"]["state"] == status["postgres"]["state"] == "running"
    assert status["data_dir"] == str(running.home / "stack")
    assert psutil.Process(status["kafka"]["pid"]).name() == "java"
    assert Path(status["kafka"]["log"]).stat().st_size > 0
    assert "database system is ready" in Path(status["postgres"]["log"]).read_text()
    assert running.run("status").returncode == 0


async def test_clients_can_work_and_owner_is_no_superuser(running):
    status = running.status()
    assert isinstance(await topics(status["kafka"]["bootstrap_servers"]), list)
    rights = (
        "SELECT (rolsuper, rolbypassrls, rolcreaterole, rolcreatedb) FROM pg_roles "
        "WHERE rolname = current_user"
    )
    assert await value(status["postgres"]["database_url"], rights) == (False, False, True, True)
    assert await value(status["postgres"]["database_url"], "SELECT current_setting('fsync')") == "on"


async def test_nobody_gets_in_without_a_password(running):
    url = running.env()["DATABASE_URL"]
    for user in ("augentis_owner", "postgres"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url, user=user, password="guess", database="postgres")


def test_it_listens_on_loopback_tcp_alone(running):
    status = running.status()
    for part in ("kafka", "postgres"):
        listening = [
            c for c in psutil.Process(status[part]["pid"]).net_connections("all") if c.status == "LISTEN"
        ]
        assert listening
        # Java writes an IPv4 address in IPv6's form.
        assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}
        unix = psutil.Process(status[part]["pid"]).net_connections("unix")
        assert [c.laddr for c in unix if str(c.laddr)] == []


def test_what_it_writes_is_for_its_user_alone(running):
    assert (running.home / "stack").stat().st_mode & 0o777 == 0o700
    assert (running.home / "stack" / "env.json").stat().st_mode & 0o777 == 0o600


def test_env_is_for_eval_and_settings_reads_the_same(running):
    lines = running.run("env").stdout
    shown = subprocess.run(
        ["sh", "-c", f'{lines}\nprintf %s "$DATABASE_URL_WORKER"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == running.env()["DATABASE_URL_WORKER"]
    settings = subprocess.run(
        [*AUGENTIS, "settings", "--json"], env=running.environment, capture_output=True, text=True, check=True
    )
    values = {row["name"]: row["value"] for row in json.loads(settings.stdout)}
    assert values["KAFKA_BOOTSTRAP_SERVERS"] == running.env()["KAFKA_BOOTSTRAP_SERVERS"]
    assert values["AUGENTIS_INGEST_AUTH"] == "open"
    assert values["AUGENTIS_SECRET_KEY"] == "set"
    assert running.env()["AUGENTIS_SECRET_KEY"] not in settings.stdout


def test_a_second_up_finds_the_first(running):
    before = running.status()
    up = running.run("up")
    assert up.returncode == 0
    assert "found running" in up.stderr
    assert running.status() == before


async def test_a_killed_part_comes_back_at_its_address(running):
    before = running.status()
    os.kill(before["kafka"]["pid"], signal.SIGKILL)
    os.kill(before["postgres"]["pid"], signal.SIGKILL)
    eventually(lambda: running.run("status").returncode == 1)
    assert running.status()["state"] == "partial"
    eventually(lambda: running.run("status").returncode == 0)
    after = running.status()
    for part, address in (("kafka", "bootstrap_servers"), ("postgres", "database_url")):
        assert after[part]["pid"] != before[part]["pid"]
        assert after[part][address] == before[part][address]
    assert await value(after["postgres"]["database_url"], "SELECT 1") == 1
    assert isinstance(await topics(after["kafka"]["bootstrap_servers"]), list)


def test_down_and_up_keep_data_ports_and_secrets_and_a_killed_supervisor_leaves_nothing(stack):
    ups = [stack.start("up"), stack.start("up")]
    assert [up.wait(120) for up in ups] == [0, 0]
    before = stack.env()
    asyncio.run(value(before["DATABASE_URL"], "CREATE TABLE kept AS SELECT 42 AS answer"))
    family = stack.family()
    assert sum(process.name() == "java" for process in family) == 1

    assert stack.run("down").stdout == "stopped\n"
    assert gone(family[1:])
    eventually(lambda: gone(family))
    assert stack.run("status").returncode == 1
    assert stack.status()["state"] == "stopped"
    assert not (stack.home / "stack" / "env.json").exists()
    assert stack.run("env").returncode == 1

    assert stack.run("up").returncode == 0
    assert stack.env() == before
    family = stack.family()
    assert len(family) > 3
    os.kill(stack.supervisor(), signal.SIGKILL)
    eventually(lambda: gone(family))
    assert stack.status()["state"] == "stopped"
    assert not (stack.home / "stack" / "env.json").exists()

    assert stack.run("up").returncode == 0
    assert asyncio.run(value(stack.env()["DATABASE_URL"], "SELECT answer FROM kept")) == 42
    removed = stack.run("down", "--purge").stdout.splitlines()[1:]
    assert removed
    assert not [line for line in removed if Path(line.removeprefix("removed ")).exists()]


def test_in_the_foreground_it_ends_with_its_caller(stack):
    caller = subprocess.Popen(
        [
            *(sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"),
            *(*AUGENTIS, "stack", "up", "--foreground"),
        ],
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: stack.run("status").returncode == 0)
    family = stack.family()
    assert psutil.Process(stack.supervisor()).ppid() == caller.pid
    caller.kill()
    caller.wait()
    eventually(lambda: gone(family))
    assert stack.status()["state"] == "stopped"


def test_in_the_foreground_ctrl_c_is_130(stack):
    foreground = stack.start("up", "--foreground")
    eventually(lambda: stack.run("status").returncode == 0)
    family = stack.family()
    foreground.send_signal(signal.SIGINT)
    assert foreground.wait(PATIENCE) == 130
    assert gone(family[1:])


def test_a_failed_start_points_to_the_log(stack):
    data = stack.home / "stack" / "kafka" / "data"
    data.mkdir(parents=True, mode=0o700)
    (data / "meta.properties").write_text("version=1\nnode.id=77\ncluster.id=someone-elses\n")
    up = stack.run("up")
    assert up.returncode == 69
    assert "kafka does not start: ended with code 1" in up.stderr
    assert str(stack.home / "stack" / "log" / "kafka.log") in up.stderr
    assert "Stored node id 77" in up.stderr
    assert "Traceback" not in up.stderr
    assert stack.status()["state"] == "stopped"


def test_what_the_environment_names_is_not_embedded(stack):
    elsewhere = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d"}
    up = stack.run("up", **elsewhere)
    assert up.returncode == 0
    assert "nothing embedded is started" in up.stderr
    assert not (stack.home / "stack").exists()

    kafka_alone = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    assert stack.run("up", **kafka_alone).returncode == 0
    status = json.loads(stack.run("status", "--json", **kafka_alone).stdout)
    assert (status["state"], status["kafka"]["state"]) == ("running", "external")
    assert "KAFKA_BOOTSTRAP_SERVERS" not in stack.env()
    assert "AUGENTIS_INGEST_AUTH" not in stack.env()
