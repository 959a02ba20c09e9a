"""What can go wrong in storage, one class a case; `exit_code` is what a command ends with."""


class StorageError(Exception):
    """Storage could not do what was asked."""

    exit_code = 2


class NoClaims(StorageError):  # noqa: N818  # named for what is missing, as it reads in a log
    """A tenant session was opened without claims."""


class DatabaseUnreachableError(StorageError):
    """PostgreSQL does not answer, or not to this login and database."""

    exit_code = 69


class NotAnAdminError(StorageError):
    """The organisation exists, and the person is no admin of it."""


class NotApprovableError(StorageError):
    """The version is approved already, or a later one is."""


class IdentityRefusedError(StorageError):
    """No user and no invitation is for this identity, or its e-mail is another identity's."""


class InvitationGoneError(StorageError):
    """The invitation is not there, not for this e-mail, revoked, used or expired."""


class PriceInForceError(StorageError):
    """A price that is or was in force would change: what comes next is a price of its own."""


class NotThereError(StorageError):
    """The row is not there, or not within sight."""


class StaleError(StorageError):
    """The row has changed since it was read; `version` is the current one."""

    def __init__(self, version: int) -> None:
        super().__init__(f"the current version is {version}")
        self.version = version


class NotAllowedError(StorageError):
    """The row may be seen and not changed."""
