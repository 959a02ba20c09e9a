"""`augentis apply`: from a file to approved assumptions, again and again."""

import asyncio
import json
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.exits import Exit
from tests.databases import Database
from tests.integration.conftest import Augentis

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "checkout.yaml"


def fetch(database: Database, query: str) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        async with database.superuser() as connection:
            return [dict(row) for row in await connection.fetch(query)]

    return asyncio.run(ask())


def artifact(key: str = "prd", **more: Any) -> dict[str, Any]:
    return {"key": key, "type": "PRD", "approve": True, "content": {"title": key}, **more}


def assumption(**more: Any) -> dict[str, Any]:
    return {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60, **more}


def write(path: Path, *artifacts: dict[str, Any], **project: Any) -> Path:
    entry = {"name": "Checkout", "artifacts": list(artifacts), **project}
    file = path / "apply.yaml"
    file.write_text(yaml.safe_dump({"org": "acme", "projects": [entry]}))
    return file


def test_the_example_can_be_applied_as_it_is_and_again(acme: Augentis, database: Database):
    assert acme("apply", EXAMPLE, "--json") == Exit.DONE
    [project] = json.loads(acme.out)["projects"]
    assert [(a["change"], a["approved"], a["version"]) for a in project["artifacts"]] == [
        ("created", True, 1)
    ] * 5
    before = fetch(database, "SELECT * FROM artifact, assumption ORDER BY 1, 2")

    assert acme("apply", EXAMPLE, "--json") == Exit.DONE
    [again] = json.loads(acme.out)["projects"]
    assert again["change"] == "unchanged"
    assert {(a["change"], a["approved"]) for a in again["artifacts"]} == {("unchanged", False)}
    assert fetch(database, "SELECT * FROM artifact, assumption ORDER BY 1, 2") == before

    assert acme("apply", EXAMPLE) == Exit.DONE
    assert acme.out.splitlines()[0] == "unchanged project Checkout"

    page = (ROOT / "docs" / "cascade.md").read_text()
    [command] = [line for line in page.splitlines() if line.startswith("    augentis cascade")]
    assert acme(*command.split()[1:]) == Exit.DONE
    assert textwrap.indent(acme.out, "    ") in page, "docs/cascade.md shows what it prints"


@pytest.mark.parametrize(
    "file", sorted((ROOT / "cli" / "demo" / "product").glob("*.yaml")), ids=lambda f: f.stem
)
def test_the_demos_files_can_be_applied(augentis: Augentis, file: Path):
    org = yaml.safe_load(file.read_text())["org"]
    augentis("init", "--org", org, "--admin", "ada@acme.example", "--project", "Checkout")
    assert augentis("apply", file) == Exit.DONE


def test_approval_freezes_assumptions_with_their_defaults(acme: Augentis, database: Database, tmp_path: Path):
    own = assumption(key="own", evidence_tier="E1", effective_from="2026-01-01T00:00:00+01:00", min_users=7)
    own |= {"min_samples": 70, "launch_grace_days": 14, "slow": True, "shadow_days": 30}
    plain = assumption(key="plain", metric_name="latency_p50", operator="<=", value=300)
    file = write(tmp_path, artifact(evidence_tier="E3", content={"assumptions": [own, plain]}))
    assert acme("apply", file) == Exit.DONE
    rows = {row["key"]: row for row in fetch(database, "SELECT * FROM assumption")}
    [version] = fetch(database, "SELECT * FROM artifact")
    assert version["status"] == "APPROVED"
    assert version["approved_by"] == version["created_by"]
    assert {name: rows["own"][name] for name in own} == own | {
        "effective_from": datetime(2025, 12, 31, 23, tzinfo=UTC)
    }
    assert (rows["plain"]["min_samples"], rows["plain"]["shadow_days"]) == (None, 0)
    assert rows["own"]["divergence_type"] == "FEATURE_ADOPTION_MISS"
    assert rows["plain"]["evidence_tier"] == "E3"
    assert rows["plain"]["effective_from"] == version["approved_at"]
    assert datetime.now(UTC) - version["approved_at"] < timedelta(minutes=1)
    assert rows["plain"]["divergence_type"] == "LATENCY_MISS"
    assert rows["plain"]["unit"] == "ms"
    assert {row["superseded_at"] for row in rows.values()} == {None}


def test_artifacts_that_contradict_each_other_are_refused_and_change_sides_together(
    acme: Augentis, database: Database, tmp_path: Path
):
    def file(operator: str, value: int, other: str) -> Path:
        mine, theirs = (assumption(operator=op, value=value) for op in (operator, other))
        return write(
            tmp_path,
            artifact(content={"assumptions": [mine]}),
            artifact("b", content={"assumptions": [theirs]}),
        )

    assert acme("apply", file(">=", 60, ">=")) == Exit.DONE
    assert acme("apply", file("<=", 50, ">=")) == Exit.DONE, "50 keeps both"
    assert acme("apply", file("<=", 40, "<=")) == Exit.DONE, "between the two versions it would not"
    wrong = write(tmp_path, artifact("b", content={"assumptions": [assumption(value=70)]}))
    assert acme("apply", wrong) == Exit.USAGE
    assert acme.err.strip() == (
        f"{wrong}: projects[0].artifacts[0].content.assumptions[0].value: >= 70 contradicts 'adoption'"
        " of PRD 'prd' version 3 (<= 40) on the same series"
    )
    live = fetch(database, "SELECT value FROM assumption WHERE superseded_at IS NULL")
    assert live == [{"value": 40.0}, {"value": 40.0}]


def test_changed_content_is_the_next_version_and_supersedes(
    acme: Augentis, database: Database, tmp_path: Path
):
    def content(value: int) -> dict[str, Any]:
        return {"assumptions": [assumption(value=value)]}

    acme("apply", write(tmp_path, artifact(content=content(60)), artifact("other")))
    acme("apply", write(tmp_path, artifact(content=content(50), approve=False)))
    first, draft = fetch(database, "SELECT * FROM artifact WHERE key = 'prd' ORDER BY version")
    assert (first["status"], first["version"], draft["status"], draft["version"]) == (
        "APPROVED",
        1,
        "DRAFT",
        2,
    )
    assert json.loads(first["content"]) == content(60)
    assert fetch(database, "SELECT value, superseded_at FROM assumption") == [
        {"value": 60.0, "superseded_at": None}
    ]

    assert acme("apply", write(tmp_path, artifact(content=content(50)))) == Exit.DONE
    assert "approved artifact prd version 2" in acme.out
    old, new = fetch(database, "SELECT * FROM assumption ORDER BY created_at")
    assert old["superseded_at"] == new["effective_from"]
    assert (new["value"], new["superseded_at"], new["artifact_id"]) == (50.0, None, draft["id"])


def test_a_changed_draft_is_a_new_version_too(acme: Augentis, database: Database, tmp_path: Path):
    for title in ("one", "two"):
        acme("apply", write(tmp_path, artifact(approve=False, content={"title": title})))
    versions = fetch(database, "SELECT version, content ->> 'title' AS title FROM artifact ORDER BY version")
    assert versions == [{"version": 1, "title": "one"}, {"version": 2, "title": "two"}]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 60}, {"a": 60.0}, False),
        ({"a": 1}, {"a": True}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, True),
        ({"a": 1e300}, {"a": 1e300}, False),
        ({"a": None}, {}, True),
    ],
)
def test_content_changes_when_its_meaning_does(acme: Augentis, tmp_path: Path, before, after, changes):
    acme("apply", write(tmp_path, artifact(content=before)))
    acme("apply", write(tmp_path, artifact(content=after)), "--json")
    [entry] = json.loads(acme.out)["projects"][0]["artifacts"]
    assert entry["change"] == ("changed" if changes else "unchanged")


def test_evidence_makes_no_new_version(acme: Augentis, database: Database, tmp_path: Path):
    """What was proven since is no change of the file; and of the next version nothing is proven."""
    declared = artifact(evidence_tier="E0")
    acme("apply", write(tmp_path, declared))
    fetch(
        database,
        """INSERT INTO evidence (org_id, id, project_id, artifact_id, source, confidence_score,
                                 evidence_count, created_by)
           SELECT org_id, gen_random_uuid(), project_id, id, 'interview', 50, 1, created_by FROM artifact""",
    )
    tiers = "SELECT version, evidence_tier, declared_tier FROM artifact ORDER BY version"
    assert acme("apply", write(tmp_path, declared)) == Exit.DONE
    assert acme.out == "unchanged project Checkout\nunchanged artifact prd version 1\n"
    assert fetch(database, tiers) == [{"version": 1, "evidence_tier": "E1", "declared_tier": "E0"}]
    acme("apply", write(tmp_path, artifact(content={"title": "another"})))
    assert fetch(database, tiers)[1] == {"version": 2, "evidence_tier": "E0", "declared_tier": None}


def test_what_is_not_named_stays_as_it_is(acme: Augentis, database: Database, tmp_path: Path):
    full = artifact(evidence_tier="E2", depends_on=["base"], content={"title": "x"})
    acme("apply", write(tmp_path, artifact("base"), full, description="Pays.", phase="DEPLOY"))
    before = fetch(database, "SELECT * FROM project, artifact ORDER BY artifact.id")
    assert acme("apply", write(tmp_path, {"key": "prd", "type": "PRD"})) == Exit.DONE
    assert acme.out == "unchanged project Checkout\nunchanged artifact prd version 1\n"
    assert fetch(database, "SELECT * FROM project, artifact ORDER BY artifact.id") == before


LINKS = """SELECT a.key AS above, a.version AS v, b.key AS below, b.version AS w
           FROM artifact_dependency
           JOIN artifact a ON a.id = artifact_id JOIN artifact b ON b.id = depends_on_id
           ORDER BY 1, 2, 3, 4"""


def links(database: Database) -> set[tuple[str, int, str, int]]:
    return {tuple(row.values()) for row in fetch(database, LINKS)}


def test_dependencies_point_to_the_latest_versions(acme: Augentis, database: Database, tmp_path: Path):
    code = artifact("code", type="CODE_BACKEND", depends_on=["prd"])
    acme("apply", write(tmp_path, code, artifact()))
    assert links(database) == {("code", 1, "prd", 1)}
    acme("apply", write(tmp_path, artifact(content={"title": "changed"})))
    assert links(database) == {("code", 1, "prd", 1), ("code", 1, "prd", 2)}
    acme("apply", write(tmp_path, artifact("more"), {**code, "depends_on": ["prd", "more"]}))
    assert links(database) >= {("code", 2, "prd", 2), ("code", 2, "more", 1)}
    acme("apply", write(tmp_path, {**code, "depends_on": []}))
    assert {link for link in links(database) if link[:2] == ("code", 3)} == set()
    assert {link for link in links(database) if link[:2] == ("code", 2)}


def test_a_new_project_is_made_with_its_fields(acme: Augentis, database: Database, tmp_path: Path):
    file = write(tmp_path, name="Loyalty", problem_statement="Nobody comes back twice.")
    assert acme("apply", file) == Exit.DONE
    assert acme.out == "created project Loyalty\n"
    [row] = fetch(
        database, "SELECT phase, problem_statement, description FROM project WHERE name = 'Loyalty'"
    )
    assert row == {"phase": "DEFINE", "problem_statement": "Nobody comes back twice.", "description": ""}
    assert acme("apply", file) == Exit.DONE
    assert acme.out == "unchanged project Loyalty\n"


# Without what it would rest on.
DECIDED = """DO $$ BEGIN
    SET LOCAL session_replication_role = replica;
    INSERT INTO phase_gate_decision (org_id, id, project_id, phase, score, target_threshold, indicators,
                                     decided_by, rationale, decided_at)
    SELECT org_id, gen_random_uuid(), id, 'DSP', 60, 80, '[]', created_by, 'as it was found', now()
    FROM project;
END $$"""


def test_a_files_phase_is_taken_until_a_gate_is_decided(acme: Augentis, database: Database, tmp_path: Path):
    assert acme("apply", write(tmp_path, phase="DESIGN"), "--json") == Exit.DONE
    [project] = json.loads(acme.out)["projects"]
    assert (project["phase"], project["change"]) == ("DESIGN", "changed")
    assert acme("apply", write(tmp_path, phase="DESIGN")) == Exit.DONE
    assert acme.out == "unchanged project Checkout\n"

    fetch(database, DECIDED)
    assert acme("apply", write(tmp_path, phase="DEFINE", description="Pays.")) == Exit.DONE
    assert acme.out == "changed project Checkout\n", "the rest of the file is applied"
    assert "is in DESIGN, where its gates have led it: the file's phase DEFINE was not taken" in acme.err
    assert fetch(database, "SELECT phase FROM project") == [{"phase": "DESIGN"}]
    assert acme("apply", write(tmp_path, phase="DESIGN")) == Exit.DONE
    assert "was not taken" not in acme.err


def mistakes(acme: Augentis, file: Path) -> list[str]:
    assert acme("apply", file) == Exit.USAGE
    assert acme.out == ""
    return [line.removeprefix(f"{file}: ") for line in acme.err.splitlines()]


def test_holidays_are_put_once_and_stay_as_they_were_until_the_file_says_otherwise(
    acme: Augentis, database: Database, tmp_path: Path
):
    read = "SELECT version, holidays FROM holiday_calendar ORDER BY version"
    public = {"country": "AT", "subdivision": "9", "first_year": 2026, "last_year": 2026}
    closed = {"day": "2026-12-24", "name": "closed"}
    for change in ("changed", "unchanged"):
        assert acme("apply", write(tmp_path, holidays={"public": public, "days": [closed]})) == Exit.DONE
        assert acme.out == f"{change} project Checkout\n"
    [first] = fetch(database, read)
    days = [each["day"] for each in json.loads(first["holidays"])]
    assert {"2026-10-26", "2026-12-24"} < set(days)
    # As if another release of the library knew of fewer.
    fetch(database, "UPDATE holiday_calendar SET holidays = holidays #- '{0}'")
    acme("apply", write(tmp_path, holidays={"public": public, "days": [closed]}))
    acme("apply", write(tmp_path))
    assert acme.out == "unchanged project Checkout\n"
    assert [row["version"] for row in fetch(database, read)] == [1]
    acme("apply", write(tmp_path, holidays={"days": [closed]}))
    assert acme.out == "changed project Checkout\n"
    assert [len(json.loads(row["holidays"])) for row in fetch(database, read)] == [len(days) - 1, 1]
    assert acme("apply", write(tmp_path, holidays={"public": {**public, "country": "XX"}})) == Exit.USAGE
    assert "projects[0].holidays.public.country: no holidays are known" in acme.err


def test_every_mistake_is_named_with_its_place_and_nothing_is_written(
    acme: Augentis, database: Database, tmp_path: Path
):
    good = artifact("good")
    bad = artifact(content={"assumptions": [assumption(uint="%"), assumption(key="b", value=160)]})
    found = mistakes(acme, write(tmp_path, good, bad))
    assert found[0].startswith("projects[0].artifacts[1].content.assumptions[0].uint: unknown field")
    assert found[1].startswith("projects[0].artifacts[1].content.assumptions[1].value: 160 is outside")
    lost = artifact("lost", depends_on=["good", "nowhere"])
    assert mistakes(acme, write(tmp_path, good, lost)) == [
        "projects[0].artifacts[1].depends_on[1]: no artifact 'nowhere' in the file or the project"
    ]
    assert fetch(database, "SELECT key FROM artifact") == []


def test_more_projects_than_the_tier_allows_are_a_mistake_with_its_place(
    acme: Augentis, database: Database, tmp_path: Path
):
    names = ("Checkout", "Basket", "Search", "Wishlist", "Reviews")
    projects = [{"name": name, "problem_statement": "It takes too long to pay."} for name in names]
    file = tmp_path / "apply.yaml"
    file.write_text(yaml.safe_dump({"org": "acme", "projects": projects}))
    said = "the organisation's tier allows 3 projects: archive one, or ask for another (`augentis org tier`)"
    assert mistakes(acme, file) == [f"projects[3]: {said}", f"projects[4]: {said}"]
    assert fetch(database, "SELECT count(*) AS n FROM project") == [{"n": 1}]

    file.write_text(yaml.safe_dump({"org": "acme", "projects": projects[:3]}))
    assert acme("apply", file) == Exit.DONE


def test_unknown_fields_are_refused_everywhere_but_in_content(acme: Augentis, tmp_path: Path):
    file = write(tmp_path, artifact(aproved=True, content={"whatever": {"deep": [1]}}), phaze="DEFINE")
    assert {line.split(":")[0] for line in mistakes(acme, file)} == {
        "projects[0].phaze",
        "projects[0].artifacts[0].aproved",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("org: [", "line 1, column 7: "),
        ("org: acme\norg: beta\n", "line 2, column 1: the key 'org' is given twice"),
        ("org: acme\nprojects: [{on: 1}]\n", "line 2, column 13: the key True is no text"),
        ("org: acme\nprojects: [{name: .inf}]\n", "projects[0].name: inf is no number"),
        ('org: "a\\0b"\nprojects: []\n', "org: the text has a character"),
        ("org: !!binary YQ==\nprojects: []\n", "org: a bytes has no form in JSON"),
        ("- org: acme\n", "Input should be"),
        ("projects: []\n", "org: is required"),
        ("org: beta\nprojects: []\n", "org: no organisation 'beta'"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(acme: Augentis, tmp_path: Path, text: str, says: str):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    [line] = mistakes(acme, file)
    assert line.startswith(says)


def test_a_missing_file_is_a_mistake_too(acme: Augentis, tmp_path: Path):
    assert mistakes(acme, tmp_path / "none.yaml")[0].startswith("cannot be read")


def test_a_dependency_turns_round_when_the_version_that_says_otherwise_is_replaced(
    acme: Augentis, tmp_path: Path
):
    assert acme("apply", write(tmp_path, artifact(depends_on=["b"]), artifact("b"))) == Exit.DONE

    def turned(*, approve: bool) -> Path:
        free = artifact(depends_on=[], approve=approve)
        return write(tmp_path, free, artifact("b", depends_on=["prd"], approve=approve))

    assert mistakes(acme, turned(approve=False)) == [
        "projects[0].artifacts: the artifact would rest on itself: PRD/b v2 -> PRD/prd v2 -> PRD/b v1"
    ]
    assert acme("apply", turned(approve=True)) == Exit.DONE, acme.err


def test_names_that_contradict_are_refused(acme: Augentis, tmp_path: Path):
    acme("apply", write(tmp_path, artifact(), artifact("code", type="CODE_BACKEND", depends_on=["prd"])))
    assert mistakes(acme, write(tmp_path, artifact(), artifact())) == [
        "projects[0].artifacts[1].key: 'prd' is given twice"
    ]
    assert mistakes(acme, write(tmp_path, artifact(type="GTM"))) == [
        "projects[0].artifacts[0].type: 'prd' is a PRD; a type is fixed once made"
    ]
    assert mistakes(acme, write(tmp_path, artifact(depends_on=["prd"]))) == [
        "projects[0].artifacts[0].depends_on[0]: 'prd' cannot rest on itself"
    ]
    [circle] = mistakes(acme, write(tmp_path, artifact(depends_on=["code"])))
    assert circle.startswith("projects[0].artifacts: artifacts rest on each other in a circle: ")
    assert mistakes(acme, write(tmp_path, name="Brand new")) == [
        "projects[0].problem_statement: is required, as the project is new"
    ]
