#!/usr/bin/env bash
# A good guess: librdkafka's mock cluster answers all requests of transactions, keeps the offset of their markers and
#   fails them on demand; so a test on it can show that a read_committed consumer never sees an aborted record.
# What happens: it forgets what was aborted. A consumer with isolation.level=read_committed (the default) gets the
#   records of an aborted transaction like all others. Only a real broker leaves them out; there, with the very same
#   program, the same watermarks (0 and 7) and the two committed records alone. Tests of transactions that are green on
#   the mock cluster prove nothing about aborted records.
# Versions: confluent-kafka 2.16.1 (librdkafka 2.16.0) from PyPI; compared with Apache Kafka 3.8.0. Seen on 2026-11-27.
# Output: mock cluster, read_committed: 3 aborted and 2 committed records delivered; watermarks 0 and 7
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir confluent-kafka==2.16.1
"$folder/venv/bin/python" - <<'PYTHON'
import time

from confluent_kafka import Consumer, Producer, TopicPartition

mock = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
brokers = ",".join(f"{b.host}:{b.port}" for b in mock.list_topics(timeout=10).brokers.values())

producer = Producer({"bootstrap.servers": brokers, "transactional.id": "writer", "log_level": 0})
producer.init_transactions(30)
producer.begin_transaction()
for _ in range(3):
    producer.produce("orders", b"aborted", partition=0)
assert producer.flush(10) == 0
producer.abort_transaction(30)
producer.begin_transaction()
for _ in range(2):
    producer.produce("orders", b"committed", partition=0)
producer.commit_transaction(30)

consumer = Consumer({
    "bootstrap.servers": brokers, "group.id": "readers", "isolation.level": "read_committed", "log_level": 0,
})
marks = consumer.get_watermark_offsets(TopicPartition("orders", 0), timeout=10)
consumer.assign([TopicPartition("orders", 0, 0)])
values, deadline = [], time.monotonic() + 30
while values.count(b"committed") < 2:
    assert time.monotonic() < deadline, f"the committed records never came: {values}"
    message = consumer.poll(1)
    if message is not None and not message.error():
        values.append(message.value())
consumer.close()
assert values == [b"aborted"] * 3 + [b"committed"] * 2, f"changed: {values}"
assert marks == (0, 7), f"changed: {marks}"
print("mock cluster, read_committed: 3 aborted and 2 committed records delivered; watermarks 0 and 7")
PYTHON
