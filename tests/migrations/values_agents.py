"""What agents, their executions and costs take and refuse, for `test_values.py`."""

from tests.migrations.values import PHASES, lengths, words

STARTED = "started_at = now(), seen_at = now(), claimed_by = id"
ENDED = (
    f"{STARTED}, completed_at = now(), tokens_input = 1, tokens_output = 1, model_used = 'gpt-4',"
    " input_per_million = 30, output_per_million = 60, cost_usd = 0.00009"
)


def used(read: str, wrote: str, cost: str) -> str:
    """What is set of an execution that succeeded with these tokens, at this cost."""
    done = ENDED.replace("tokens_input = 1", read).replace("tokens_output = 1", wrote)
    return f"status = 'SUCCESS', {done.replace('0.00009', cost)}"


CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "ck_agent_id": (["id = 1"], ["id = 0", "id = 27"]),
    "ck_agent_name_length": lengths("name", 3, 100),
    "ck_agent_phase": words("phase", PHASES),
    "ck_agent_agent_type": words("agent_type", "VALIDATOR ANALYZER GENERATOR ASSEMBLER"),
    "ck_agent_model_preference_length": lengths("model_preference", 1, 100),
    "ck_agent_averages": (
        ["avg_tokens_input = 0, avg_tokens_output = 0, cost_per_execution_usd = 0"],
        [f"{column} = -1" for column in ("avg_tokens_input", "avg_tokens_output", "cost_per_execution_usd")],
    ),
    "ck_agent_tool_tool_name": (
        ["tool_name = 'ab'", "tool_name = 'web_search_2'", f"tool_name = '{'x' * 50}'"],
        [f"tool_name = '{name}'" for name in ("", "a", "Web", "2nd", "web search", "x" * 51)],
    ),
    "ck_agent_tool_tool_config": (
        ["tool_config = '{}'", """tool_config = '{"a": 1}'"""],
        ["tool_config = '[]'", "tool_config = 'null'", "tool_config = '1'"],
    ),
    "ck_model_price_model_length": lengths("model", 1, 100),
    "ck_model_price_prices": (
        ["input_per_million = 0, output_per_million = 0", "input_per_million = 999999.999999"],
        [f"{side}_per_million = {price}" for side in ("input", "output") for price in ("-0.000001", "'NaN'")],
    ),
    "ck_cost_tracking_phase": words("phase", PHASES),
    "ck_cost_tracking_aggregated_at": (
        ["aggregated_at = 'daily'"]
        + [f"aggregated_at = '{kind}', period_start = '2027-02-01'" for kind in ("weekly", "monthly")],
        ["aggregated_at = 'DAILY'", "aggregated_at = 'yearly'", "aggregated_at = ''"],
    ),
    "ck_cost_tracking_period_start": (
        # 2027-02-01 is a Monday.
        [
            "period_start = '2027-02-03'",
            "aggregated_at = 'weekly', period_start = '2027-02-08'",
            "aggregated_at = 'monthly', period_start = '2027-03-01'",
        ],
        [
            "aggregated_at = 'weekly', period_start = '2027-02-07'",
            "aggregated_at = 'monthly', period_start = '2027-02-02'",
        ],
    ),
    "ck_cost_tracking_tokens_used": (["tokens_used = 0"], ["tokens_used = -1"]),
    "ck_cost_tracking_cost_usd": (
        ["cost_usd = 0", "cost_usd = 99999999999999999999999999.999999999999"],
        ["cost_usd = -0.000000000001", "cost_usd = 'NaN'"],
    ),
    "ck_cost_tracking_executions": (["executions = 1"], ["executions = 0"]),
    "ck_agent_execution_phase": words("phase", PHASES),
    "ck_agent_execution_status": (
        ["status = 'QUEUED'", f"status = 'RUNNING', {STARTED}", f"status = 'SUCCESS', {ENDED}"]
        + [f"status = '{status}', {ENDED}, error_message = 'x'" for status in ("FAILED", "RETRIED")],
        [f"status = '{status}', {ENDED}" for status in ("", "success", "CANCELLED")],
    ),
    "ck_agent_execution_started": (
        [f"status = 'RUNNING', {STARTED}"],
        [
            "status = 'RUNNING'",
            STARTED,
            f"status = 'RUNNING', {STARTED.replace('claimed_by = id', 'claimed_by = NULL')}",
            f"status = 'RUNNING', {STARTED.replace('seen_at = now()', 'seen_at = NULL')}",
        ],
    ),
    "ck_agent_execution_ended": (
        [f"status = 'SUCCESS', {ENDED}"],
        [
            f"status = 'SUCCESS', {STARTED}",
            f"status = 'RUNNING', {ENDED}",
            "cost_usd = 0",
            "tokens_input = 1",
            f"status = 'SUCCESS', {ENDED.replace('completed_at = now()', 'completed_at = NULL')}",
            f"status = 'SUCCESS', {ENDED.replace('cost_usd = 0.00009', 'cost_usd = NULL')}",
        ],
    ),
    "ck_agent_execution_failed": (
        [f"status = 'FAILED', {ENDED}, error_message = 'x'"],
        [
            f"status = 'FAILED', {ENDED}",
            f"status = 'SUCCESS', {ENDED}, error_message = 'x'",
            "error_message = 'x'",
        ],
    ),
    "ck_agent_execution_output": (
        [f"status = 'SUCCESS', {ENDED}, output_artifact_id = id"],
        [
            "output_artifact_id = id",
            f"status = 'FAILED', {ENDED}, error_message = 'x', output_artifact_id = id",
        ],
    ),
    "ck_agent_execution_error_message_length": (
        [f"status = 'FAILED', {ENDED}, error_message = repeat('ä', {length})" for length in (1, 10000)],
        [f"status = 'FAILED', {ENDED}, error_message = repeat('ä', {length})" for length in (0, 10001)],
    ),
    "ck_agent_execution_tokens": (
        [used("tokens_input = 0", "tokens_output = 0", "0")],
        [
            used("tokens_input = -1", "tokens_output = 1", "0.00003"),
            used("tokens_input = 2", "tokens_output = -1", "0"),
        ],
    ),
    "ck_agent_execution_cost": (
        [used("tokens_input = 3", "tokens_output = 1", "0.00015")],
        [
            used("tokens_input = 1", "tokens_output = 1", "0.000090000001"),
            used("tokens_input = 1", "tokens_output = 1", "0"),
        ],
    ),
    "ck_agent_execution_retries": (
        ["max_retries = 0", "max_retries = 10", "max_retries = 10, retry_count = 10, retry_of = id"],
        [
            "max_retries = -1",
            "max_retries = 11",
            "max_retries = 2, retry_count = 3, retry_of = id",
            "retry_count = 1",
            "retry_of = id",
        ],
    ),
}
