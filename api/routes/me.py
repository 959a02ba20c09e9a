from api import routing
from api.caller import Person
from api.schemas import Me, Organization
from storage.reading import people

router = routing.router("/v1", "people")


@router.get("/me", response_model=Me)
async def read_me(caller: Person) -> object:
    """Say who asks, for which organisation, and as what."""
    user, organization = await people.me(caller.session, caller.claims)
    return Me(
        user_id=user.id,
        email=user.email,
        full_name=user.full_name,
        role_in_org=caller.role,
        workspace_id=caller.claims.workspace_id,
        organization=Organization.model_validate(organization),
    )
