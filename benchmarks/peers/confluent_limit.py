"""The limit with librdkafka: consume in bulk, decode, sum in a dict, write at the end."""

from confluent_kafka import Consumer, TopicPartition

from benchmarks.peers import work


def main() -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": work.SERVERS,
            "group.id": "confluent",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 1,
            "queued.max.messages.kbytes": 65_536,
        }
    )
    consumer.assign([TopicPartition(work.TOPIC, number, 0) for number in work.ENDS])
    sums: dict[work.Key, work.Sum] = {}
    left = sum(work.ENDS.values())
    while left:
        for message in consumer.consume(5_000, 1.0):
            work.began()
            work.add(sums, message.value())
            left -= 1
    work.write(sums)
    consumer.close()


main()
