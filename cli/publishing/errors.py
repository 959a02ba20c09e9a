"""What can end a publication; a line that is refused does not."""


class PublishError(Exception):
    """Publishing ended early. `exit_code` is what the command ends with."""

    exit_code = 2


class InputError(PublishError):
    """The input cannot be read: no such file, a header that is none, a broken disk."""


class UnreachableError(PublishError):
    """Kafka did not answer at the start."""

    exit_code = 69


class GaveUpError(PublishError):
    """Kafka stopped answering on the way; what it has acknowledged stays published."""

    exit_code = 75
