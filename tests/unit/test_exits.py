"""What a command's end says, and what the command line costs before a command runs."""

import subprocess
import sys

import pytest
import typer
from aiokafka.errors import KafkaConnectionError
from asyncpg import InvalidPasswordError

from cli import main
from cli.exits import AnswerIsNo, CommandError, Unavailable, exit_code_of
from settings import SettingsError


class FencedError(Exception):
    exit_code = 74


def wrapped() -> Exception:
    outer = RuntimeError("the driver's wrapping")
    outer.__cause__ = ConnectionRefusedError("refused")
    return outer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AnswerIsNo("not running"), 1),
        (CommandError("no such file"), 2),
        (SettingsError("DATABASE_URL is not set"), 2),
        (Unavailable("Kafka is away"), 69),
        (ConnectionRefusedError("refused"), 69),
        (wrapped(), 69),
        (KafkaConnectionError("no broker"), 69),
        (InvalidPasswordError("no"), 69),
        (FencedError("another worker has taken over"), 74),
        (KeyboardInterrupt(), 130),
        (ValueError("a bug"), None),
        (FileNotFoundError("a bug too: no part of the network"), None),
    ],
)
def test_exceptions_mean_exit_codes(error, code):
    assert exit_code_of(error) == code


def command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail() -> None:
        raise error

    module = type(sys)("tests.unit.failing")
    module.__dict__["fail"] = fail
    monkeypatch.setitem(sys.modules, "tests.unit.failing", module)
    monkeypatch.setitem(main.COMMANDS, "fail", main.Lazy("tests.unit.failing", "fail", "fails"))


def test_an_expected_error_is_one_line_without_traceback(monkeypatch, capsys):
    command(monkeypatch, Unavailable("Kafka at 127.0.0.1:1 does not answer"))
    assert main.run(["fail"]) == 69
    assert capsys.readouterr().err == "augentis: Kafka at 127.0.0.1:1 does not answer\n"


def test_ctrl_c_is_130(monkeypatch):
    command(monkeypatch, KeyboardInterrupt())
    assert main.run(["fail"]) == 130


def test_an_unexpected_error_is_shown_whole(monkeypatch):
    command(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main.run(["fail"])


def test_a_command_chooses_its_exit_code(monkeypatch):
    command(monkeypatch, typer.Exit(1))
    assert main.run(["fail"]) == 1


@pytest.mark.parametrize("arguments", [["nonsense"], ["stack", "nonsense"], ["settings", "--nonsense"], []])
def test_usage_is_2(arguments, capsys):
    assert main.run(arguments) == 2
    assert "Usage: augentis" in capsys.readouterr().err


def test_help_lists_every_command_and_imports_none():
    code = (
        "import sys; from cli.main import run; code = run(['--help']); "
        "heavy = {'pydantic', 'sqlalchemy', 'aiokafka', 'asyncpg', 'pandas', 'faust', 'fastapi'}; "
        "print(sorted(heavy & set(sys.modules)), code)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[] 0"
    for name in main.COMMANDS:
        assert f"\n  {name} " in shown


def test_every_command_exists():
    group = typer.main.get_command(main.app)
    assert isinstance(group, main.LazyGroup)
    for name in main.COMMANDS:
        assert group.get_command(None, name) is not None, name
