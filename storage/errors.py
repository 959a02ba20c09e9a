"""What can go wrong in storage, one class a case."""


class StorageError(Exception):
    """Storage could not do what was asked."""


class NoClaims(StorageError):  # noqa: N818  # named for what is missing, as it reads in a log
    """A tenant session was opened without claims."""
