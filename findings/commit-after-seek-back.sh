#!/usr/bin/env bash
# A good guess: a consumer that goes back with seek(), reads five records again and calls commit() has committed
#   offset 5; with automatic commits the same happens within a second.
# What happens: commit() without arguments, and every automatic commit, only ever goes forward. Below the last committed
#   offset it commits nothing; the synchronous call raises _NO_OFFSET ("Local: No offset stored") although a record was
#   read and its offset stored, and automatic commits say nothing at all. commit(message=…) or commit(offsets=…) do go
#   back. So after a topic was deleted and created again (its offsets begin at 0), nothing is committed until the old
#   offset is passed, and a crash before that skips or repeats records.
# Versions: confluent-kafka 2.16.1 (librdkafka 2.16.0) from PyPI, with its own mock cluster. Seen on 2026-11-27; against
#   Apache Kafka 3.8.0 as well, there also by the automatic commits of librdkafka 2.0.2.
# Output: commit() after going back to 5 of 50: _NO_OFFSET, and 50 stays committed; commit(message) commits 5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir confluent-kafka==2.16.1
"$folder/venv/bin/python" - <<'PYTHON'
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
brokers = ",".join(f"{b.host}:{b.port}" for b in producer.list_topics(timeout=10).brokers.values())
for number in range(50):
    producer.produce("orders", str(number), partition=0)
assert producer.flush(10) == 0

consumer = Consumer({
    "bootstrap.servers": brokers, "group.id": "readers", "auto.offset.reset": "earliest",
    "enable.auto.commit": False, "log_level": 0,
})
partition = TopicPartition("orders", 0)
consumer.subscribe(["orders"])


def read(count):
    last = None
    while count:
        message = consumer.poll(30)
        assert message is not None, "no record within 30 s"
        if not message.error():
            last, count = message, count - 1
    return last


def committed():
    return consumer.committed([partition], timeout=10)[0].offset


read(50)
consumer.commit(asynchronous=False)
assert committed() == 50, committed()
consumer.seek(TopicPartition("orders", 0, 0))
last = read(5)
assert last.offset() == 4 and consumer.position([partition])[0].offset == 5
try:
    consumer.commit(asynchronous=False)
    raise SystemExit("changed: commit() after going back succeeds")
except KafkaException as error:
    assert error.args[0].code() == KafkaError._NO_OFFSET, error
assert committed() == 50, committed()
consumer.commit(message=last, asynchronous=False)
assert committed() == 5, committed()
consumer.close()
print("commit() after going back to 5 of 50: _NO_OFFSET, and 50 stays committed; commit(message) commits 5")
PYTHON
