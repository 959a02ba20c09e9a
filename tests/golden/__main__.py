"""Write the golden files anew. Look at the difference before you commit it."""

from tests.golden import forms


def write() -> None:
    for name, content in forms.files().items():
        (forms.FOLDER / name).write_bytes(content)


write()
