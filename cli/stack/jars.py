"""The broker's jars: exactly those of the committed lock, by their checksums.

jgo resolves and downloads; it writes checksums into its lock but does not compare them, and leaves half
a file behind when a download breaks off. So each jar is downloaded aside, compared, and then moved into
jgo's repository (`~/.m2/repository`, or what jgo's settings say), and compared again at every start.
"""

import hashlib
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import tenacity

LOCK = Path(str(files("cli.stack") / "jgo.lock.toml"))


class JarError(RuntimeError):
    """A jar cannot be had, or is not the one of the lock."""


@dataclass(frozen=True)
class Jar:
    """An entry of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Its place in a Maven repository."""
        folder = Path(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """Return the jars of the committed lock."""
    entries = tomllib.loads(LOCK.read_text())["dependencies"]
    return [Jar(one["groupId"], one["artifactId"], one["version"], one["sha256"]) for one in entries]


def class_path(progress: Callable[[str], None]) -> list[Path]:
    """Return the paths of all jars, compared with the lock; those missing are downloaded.

    Raises:
        JarError: a download failed, or what came is not what the lock says.
    """
    from jgo.config import GlobalSettings  # noqa: PLC0415  # a third of a second, for `stack up` alone

    jars, repository = locked(), Path(GlobalSettings.load().repo_cache)
    missing = [jar for jar in jars if not _is_intact(repository / jar.path, jar)]
    if missing:
        progress(f"downloading {len(missing)} of {len(jars)} jars of Apache Kafka (45 MB, once)")
        _download(missing, repository)
    return [repository / jar.path for jar in jars]


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _download(jars: list[Jar], repository: Path) -> None:
    repository.mkdir(parents=True, exist_ok=True)
    # In the repository, so that the move at the end is a rename.
    with (
        tempfile.TemporaryDirectory(dir=repository, prefix=".augentis-") as scratch,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda jar: _download_one(jar, Path(scratch), repository), jars))


@tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_exponential(max=5), reraise=True)
def _download_one(jar: Jar, scratch: Path, repository: Path) -> None:
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    remotes = {"central": MAVEN_CENTRAL_URL} | GlobalSettings.load().repositories
    context = MavenContext(repo_cache=scratch, remote_repos=remotes, timeout=60)
    try:
        context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except Exception as error:  # jgo passes on whatever its HTTP library raises
        raise JarError(f"{jar.path.name} cannot be downloaded: {error}") from error
    if not _is_intact(scratch / jar.path, jar):
        (scratch / jar.path).unlink()
        raise JarError(f"{jar.path.name} as downloaded is not the file of {LOCK.name}: its checksum differs")
    (repository / jar.path).parent.mkdir(parents=True, exist_ok=True)
    (scratch / jar.path).replace(repository / jar.path)
