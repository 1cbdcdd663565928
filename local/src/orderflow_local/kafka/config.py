"""The configuration of the embedded broker: pure, from a few facts to file text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CLEAN_END = ".kafka_cleanshutdown"  # Kafka leaves this file in its data when it was stopped in order
STARTED = "Kafka Server started"  # what a node logs when all of it runs
FENCED = "Fencing broker "  # what the controller logs when it decides that a broker is gone
NODE_ID = "1"
METADATA_LOG = "__cluster_metadata-0"  # the folder of the controller's own log

# Java 24 and newer complain on every start about what Kafka's libraries do; older ones ignore the second.
QUIET = (
    "--enable-native-access=ALL-UNNAMED",
    "-Dsun.misc.unsafe.memory.access=allow",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)

# By default a kill -9 in mid-transaction holds readers back for up to 20 s and its partitions for 45 s.
PROMPT_RECOVERY: Mapping[str, str] = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "10000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "2000",
}

# One broker has one replica to give, and few partitions make its start quick.
SINGLE_BROKER: Mapping[str, str] = {
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}

BEHAVIOUR: Mapping[str, str] = {
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "group.coordinator.rebalance.protocols": "classic,consumer",
    "group.initial.rebalance.delay.ms": "0",
}


@dataclass(frozen=True, slots=True)
class BrokerSpec:
    """What one embedded broker needs to know about itself."""

    data_dir: Path
    log_dir: Path
    port: int
    controller_port: int
    host: str = "127.0.0.1"


def server_properties(spec: BrokerSpec) -> dict[str, str]:
    """Return the broker's settings: one node that is broker and controller, bound to one address."""
    return {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "listeners": f"PLAINTEXT://{spec.host}:{spec.port},CONTROLLER://127.0.0.1:{spec.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{spec.host}:{spec.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{spec.controller_port}",
        "log.dirs": str(spec.data_dir),
        **SINGLE_BROKER,
        **PROMPT_RECOVERY,
        **BEHAVIOUR,
    }


def settling_properties(spec: BrokerSpec) -> dict[str, str]:
    """Return the settings of a run as controller alone, which declares the killed broker of this node gone.

    Without it the new process still leads its partitions until the old registration lapses, and a
    transaction that it ends in that time stays open for ever: its markers find no leader afterwards.
    """
    left_out = ("advertised.listeners", "inter.broker.listener.name")
    common = {name: value for name, value in server_properties(spec).items() if name not in left_out}
    return common | {
        "process.roles": "controller",
        "listeners": f"CONTROLLER://127.0.0.1:{spec.controller_port}",
        "broker.session.timeout.ms": "500",
        # How soon the controller writes something, if only that nothing is new: half a second by default.
        "metadata.max.idle.interval.ms": "100",
    }


def log4j_properties(log_dir: Path) -> dict[str, str]:
    """Return a log4j2 configuration that writes `kafka.log`, rolled at 10 MB, three old files kept."""
    return {
        "appender.file.type": "RollingFile",
        "appender.file.name": "file",
        "appender.file.fileName": str(log_dir / "kafka.log"),
        "appender.file.filePattern": str(log_dir / "kafka.log.%i"),
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d{ISO8601} %-5p %m (%c{1})%n",
        "appender.file.policies.type": "SizeBasedTriggeringPolicy",
        "appender.file.policies.size": "10MB",
        "appender.file.strategy.type": "DefaultRolloverStrategy",
        "appender.file.strategy.max": "3",
        "rootLogger.level": "INFO",
        "rootLogger.appenderRef.file.ref": "file",
    }


def render(properties: Mapping[str, str]) -> str:
    """Return a Java properties file; a backslash would start an escape, so it is doubled."""
    return "".join(f"{key}={value.replace(chr(92), chr(92) * 2)}\n" for key, value in properties.items())
