from typing import Any


class ApiError(Exception):
    """The API refused: `status` (HTTP), `slug` of the problem's type, its title, detail and field errors."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.slug = str(problem.get("type", "")).rpartition(":")[2]
        self.title = problem.get("title")
        self.detail = problem.get("detail")
        self.errors: list[dict[str, str]] = problem.get("errors") or []
        self.request_id = problem.get("request_id")
        faults = "; ".join(f"{error['path']}: {error['message']}" for error in self.errors)
        said = ": ".join(str(part) for part in (self.title, faults or self.detail) if part)
        super().__init__(f"{status} {said}".strip())
