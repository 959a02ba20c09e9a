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
