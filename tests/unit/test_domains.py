import pytest

from settings.domains import domains
from settings.model import Settings


def test_domains_are_read_in_small_letters_and_none_are_any():
    assert domains(None) == domains("") == frozenset()
    listed = Settings(AUGENTIS_EMAIL_DOMAINS=" Acme.example, ops.acme.example,").email_domains
    assert domains(listed) == {"acme.example", "ops.acme.example"}


@pytest.mark.parametrize(
    "wrong", ["acme", "*.acme.example", "@acme.example", "acme.example ops.example", ","]
)
def test_what_is_no_domain_is_refused(wrong: str):
    with pytest.raises(ValueError, match="write them as in"):
        Settings(AUGENTIS_EMAIL_DOMAINS=wrong)
