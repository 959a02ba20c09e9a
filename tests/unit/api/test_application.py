"""An application takes the routes as they are: to make them anew is a quarter of a second each time."""

from fastapi.routing import APIRoute

from api.app import application


def test_applications_share_their_routes():
    one, other = ([route for route in application().routes if isinstance(route, APIRoute)] for _ in range(2))
    assert len(one) > 100
    assert [*map(id, one)] == [*map(id, other)]
    assert len({route.unique_id for route in one}) == len(one)
