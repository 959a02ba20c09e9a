from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from streams.door.split import TooLargeError, split

KINDS = ("sum", "gauge", "histogram", "exponential_histogram", "summary")
LISTS = st.lists(
    st.lists(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9)), max_size=4), max_size=3),
    max_size=4,
)


def request(shape: list[list[list[tuple[str, int]]]]) -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    for number, scopes in enumerate(shape):
        resource = made.resource_metrics.add(schema_url=f"r{number}")
        for metrics in scopes:
            scope = resource.scope_metrics.add()
            scope.scope.name = f"s{len(resource.scope_metrics)}"
            for kind, count in metrics:
                data = getattr(scope.metrics.add(name=kind), kind)
                data.SetInParent()
                for place in range(count):
                    data.data_points.add(time_unix_nano=place + 1)
    return made


def points(of: ExportMetricsServiceRequest) -> list[tuple[str, str, str, int]]:
    return [
        (resource.schema_url, scope.scope.name, metric.name, point.time_unix_nano)
        for resource in of.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data") or "").data_points
    ]


@given(shape=LISTS, limit=st.integers(60, 300))
def test_no_point_is_lost_doubled_or_moved(shape, limit):
    whole = request(shape)
    parts = split(whole, limit)
    assert max(map(len, parts)) <= limit
    found = [point for part in parts for point in points(ExportMetricsServiceRequest.FromString(part))]
    assert found == points(whole)


def test_a_point_that_cannot_fit_is_said():
    whole = request([[[("sum", 1)]]])
    assert split(whole, whole.ByteSize()) == [whole.SerializeToString()]
    for limit in (whole.ByteSize() - 1, 1):
        try:
            split(whole, limit)
        except TooLargeError:
            continue
        raise AssertionError(limit)


def test_a_metric_without_data_cannot_be_divided():
    whole = ExportMetricsServiceRequest()
    whole.resource_metrics.add().scope_metrics.add().metrics.add(name="x" * 100)
    try:
        split(whole, 50)
    except TooLargeError:
        return
    raise AssertionError
