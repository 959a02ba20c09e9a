"""The catalogue of DataModel.md 15: 26 agents, each with a prompt of its own, tools, and what it costs."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

CATALOGUE = yaml.safe_load(
    (Path(__file__).parents[2] / "migrations" / "data" / "agents.yaml").read_text(encoding="utf-8")
)
AGENTS: list[dict[str, Any]] = CATALOGUE["agents"]
SPECIFIED = {
    "DISCOVER": ["Problem Validator", "Competitive Researcher", "Market Analyzer", "Evidence Collector"],
    "DEFINE": [
        *("Market Research Synthesizer", "Persona Generator", "PRD Synthesizer", "Positioning Engine"),
        "Pricing Calculator",
    ],
    "DESIGN": [
        *("Wireframe Generator", "Journey Mapper", "API Designer", "Architecture Designer"),
        *("Data Modeler", "Prototype Builder"),
    ],
    "DEVELOP": [
        *("Backend Generator", "Frontend Generator", "Agent Generator", "Test Generator"),
        *("CI/CD Generator", "Quality Validator", "Multi-Tenant Enforcer"),
    ],
    "DEPLOY": [
        *("Infrastructure Provisioner", "Monitoring Setup", "Divergence Detector", "Launch Coordinator"),
    ],
}


def test_the_agents_are_the_specifications():
    named = [(phase, name) for phase, names in SPECIFIED.items() for name in names]
    assert [(agent["id"], (agent["phase"], agent["name"])) for agent in AGENTS] == list(enumerate(named, 1))
    assert {agent["agent_type"] for agent in AGENTS} == {"VALIDATOR", "ANALYZER", "GENERATOR", "ASSEMBLER"}


def test_a_validator_validates_and_a_generator_makes():
    kinds = {agent["name"]: agent["agent_type"] for agent in AGENTS}
    assert {kinds[name] for name in kinds if name.endswith("Validator")} == {"VALIDATOR"}
    assert {kinds[name] for name in kinds if name.endswith("Generator")} == {"GENERATOR"}


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent["name"])
def test_an_agent_costs_what_its_averages_cost_at_list_prices(agent: dict[str, Any]):
    prices = {price["model"]: price for price in CATALOGUE["prices"]}
    price = prices[agent["model_preference"]]
    read, wrote = (Decimal(price[f"{side}_per_million"]) for side in ("input", "output"))
    cost = agent["avg_tokens_input"] * read + agent["avg_tokens_output"] * wrote
    assert Decimal(agent["cost_per_execution_usd"]) == cost.scaleb(-6)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent["name"])
def test_a_prompt_says_something_of_its_own(agent: dict[str, Any]):
    assert 80 <= len(agent["system_prompt"].split()) <= 200
    assert agent["tools"]
    assert all(isinstance(config, dict) and config for config in agent["tools"].values())
    sentences = {one.strip() for one in agent["system_prompt"].replace("\n", " ").split(". ")}
    others = [other["system_prompt"].replace("\n", " ") for other in AGENTS if other is not agent]
    assert not [one for one in sentences if one and any(one in other for other in others)]
