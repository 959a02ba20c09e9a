"""Fifty deliveries that fail together are one look at a receiver that is away, not fifty."""

from streams.backoff import OPEN_FIRST, TRIES, Circuit


def test_what_fails_together_opens_the_circuit_for_its_first_time():
    circuit = Circuit(0).after(0, 50)
    assert (circuit.failures, circuit.open_for(1)) == (TRIES, OPEN_FIRST)
    again = circuit.after(0, 1)
    assert (again.failures, again.open_for(1)) == (TRIES + 1, 2 * OPEN_FIRST)
    assert again.after(1, 0) == Circuit(0)


def test_few_failures_are_counted_one_by_one():
    circuit = Circuit(0).after(0, 2)
    assert (circuit.failures, circuit.open_for(1)) == (2, None)
    assert circuit.after(0, 2).after(0, 1).open_for(1) == OPEN_FIRST
    assert circuit.after(0, 8).failures == TRIES
