"""The way into a Kafka cluster: listeners, Secrets, certificates, and what is said when one is missing."""

from base64 import b64encode
from typing import Any

import pytest
from support.fake_api import FakeApi

from orderflow_operator.access import AccessBook, NoAccess
from orderflow_operator.spec.kafka import Auth, AuthType, ClusterRef, KafkaSpec

PLAIN = {"name": "plain", "port": 9092, "tls": False}
SCRAM = {"name": "scram", "port": 9093, "tls": True, "authentication": {"type": "scram-sha-512"}}
MTLS = {"name": "mtls", "port": 9094, "tls": True, "authentication": {"type": "tls"}}


def an_api(**secrets: dict[str, str]) -> FakeApi:
    """An API server with a Kafka `orders` of three listeners in `kafka`, and Secrets in `shop`."""
    api = FakeApi()
    api.put("/apis/kafka.strimzi.io", {"preferredVersion": {"version": "v1"}})
    known = [
        {"name": one["name"], "bootstrapServers": f"orders:{one['port']}"} for one in (PLAIN, SCRAM, MTLS)
    ]
    api.put(
        "/apis/kafka.strimzi.io/v1/namespaces/kafka/kafkas/orders",
        {"spec": {"kafka": {"listeners": [PLAIN, SCRAM, MTLS]}}, "status": {"listeners": known}},
    )
    put_secret(api, "kafka", "orders-cluster-ca-cert", {"ca.crt": "CA"})
    for name, data in secrets.items():
        put_secret(api, "shop", name, data)
    return api


def put_secret(api: FakeApi, namespace: str, name: str, data: dict[str, str]) -> None:
    encoded = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    api.put(f"/api/v1/namespaces/{namespace}/secrets/{name}", {"data": encoded})


def strimzi(
    auth: AuthType = AuthType.NONE, secret: str | None = None, listener: str | None = None
) -> KafkaSpec:
    reference = ClusterRef(name="orders", namespace="kafka", listener=listener)
    return KafkaSpec(cluster_ref=reference, auth=Auth(type=auth, secret_name=secret))


def config(api: FakeApi, kafka: KafkaSpec) -> dict[str, Any]:
    return dict(AccessBook(api).of("shop", kafka).config)


def test_bootstrap_servers_alone_are_plain_text() -> None:
    seen = config(FakeApi(), KafkaSpec(bootstrap_servers="broker:9092"))
    assert (seen["bootstrap.servers"], seen["security.protocol"]) == ("broker:9092", "PLAINTEXT")


def test_a_ca_encrypts() -> None:
    kafka = KafkaSpec(bootstrap_servers="broker:9093", ca_secret_name="ca")
    seen = config(an_api(ca={"ca.crt": "MINE"}), kafka)
    assert (seen["security.protocol"], seen["ssl.ca.pem"]) == ("SSL", "MINE")


def test_scram_takes_its_user_from_the_name_of_the_secret() -> None:
    seen = config(an_api(app={"password": "secret"}), strimzi(AuthType.SCRAM_SHA_512, "app"))
    assert seen["bootstrap.servers"] == "orders:9093"
    assert (seen["security.protocol"], seen["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (seen["sasl.username"], seen["sasl.password"], seen["ssl.ca.pem"]) == ("app", "secret", "CA")


def test_a_newline_that_echo_left_is_no_part_of_a_password() -> None:
    seen = config(an_api(app={"password": "secret\n"}), strimzi(AuthType.SCRAM_SHA_512, "app"))
    assert seen["sasl.password"] == "secret"


def test_mutual_tls_takes_certificate_and_key() -> None:
    api = an_api(app={"user.crt": "CRT", "user.key": "KEY"})
    seen = config(api, strimzi(AuthType.TLS, "app"))
    assert (seen["bootstrap.servers"], seen["security.protocol"]) == ("orders:9094", "SSL")
    assert (seen["ssl.certificate.pem"], seen["ssl.key.pem"]) == ("CRT", "KEY")


def test_a_listener_may_be_named() -> None:
    assert config(an_api(), strimzi(listener="plain"))["bootstrap.servers"] == "orders:9092"


def test_without_the_secret_of_the_ca_its_certificate_in_the_status_is_taken() -> None:
    api = an_api(app={"password": "secret"})
    del api.objects["/api/v1/namespaces/kafka/secrets/orders-cluster-ca-cert"]
    kafka = api.objects["/apis/kafka.strimzi.io/v1/namespaces/kafka/kafkas/orders"]
    kafka["status"]["listeners"][1]["certificates"] = ["SHOWN"]
    assert config(api, strimzi(AuthType.SCRAM_SHA_512, "app"))["ssl.ca.pem"] == "SHOWN"


@pytest.mark.parametrize(
    ("kafka", "said"),
    [
        pytest.param(
            strimzi(AuthType.SCRAM_SHA_512, "nobody"),
            "Secret shop/nobody not found; create it or fix spec.kafka.auth.secretName",
            id="no such Secret",
        ),
        pytest.param(
            strimzi(AuthType.SCRAM_SHA_512, "empty"),
            "Secret shop/empty lacks password",
            id="no password in it",
        ),
        pytest.param(
            strimzi(listener="other"),
            "has no listener 'other' (it has: plain, scram, mtls); fix clusterRef.listener",
            id="no such listener",
        ),
        pytest.param(
            KafkaSpec(cluster_ref=ClusterRef(name="payments")),
            "Kafka shop/payments not found; fix spec.kafka.clusterRef or create it",
            id="no such Kafka",
        ),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(kafka: KafkaSpec, said: str) -> None:
    with pytest.raises(NoAccess) as error:
        AccessBook(an_api(empty={})).of("shop", kafka)
    assert said in str(error.value)


def test_a_kafka_that_is_not_up_yet_is_waited_for() -> None:
    api = an_api()
    api.objects["/apis/kafka.strimzi.io/v1/namespaces/kafka/kafkas/orders"]["status"] = {}
    with pytest.raises(NoAccess, match="wait until it is Ready"):
        AccessBook(api).of("shop", strimzi(listener="plain"))


def test_a_rotated_secret_is_the_same_way_in_with_another_version() -> None:
    api, now = an_api(app={"password": "old"}), [0.0]
    book = AccessBook(api, refresh_seconds=15.0, clock=lambda: now[0])
    kafka = strimzi(AuthType.SCRAM_SHA_512, "app")
    before = book.of("shop", kafka)
    put_secret(api, "shop", "app", {"password": "new"})
    assert book.of("shop", kafka).version == before.version  # read a moment ago
    now[0] = 15.0
    after = book.of("shop", kafka)
    assert after == before
    assert after.version != before.version
    assert after.config["sasl.password"] == "new"


def test_an_access_does_not_show_its_password() -> None:
    access = AccessBook(an_api(app={"password": "hush"})).of("shop", strimzi(AuthType.SCRAM_SHA_512, "app"))
    assert "hush" not in repr(access)
    assert str(access) == "orders:9093 as shop/app"
