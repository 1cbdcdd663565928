"""skaffold.yaml without skaffold: all that it names is there, and the charts take the values it gives."""

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from support.kube.chart import REPOSITORY, Helm
from support.kube.chart_cases import SERVICES

CONFIGS = {
    each["metadata"]["name"]: each for each in yaml.safe_load_all((REPOSITORY / "skaffold.yaml").read_text())
}
VALUES = REPOSITORY / "deploy" / "skaffold"


def named_paths(document: Any) -> list[str]:
    """Return the files and folders that a config names, in its profiles too."""
    # Behind a slash it is a place in the config itself.
    return re.findall(r"(?<!/)\b(?:deploy|services|lag)/[\w./*-]+|\bDockerfile\b", yaml.safe_dump(document))


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_that_is_named_is_there(name: str) -> None:
    config = CONFIGS[name]
    missing = [path for path in named_paths(config) if not list(REPOSITORY.glob(path.rstrip("/")))]
    assert missing == []
    assert config["apiVersion"] == "skaffold/v4beta13"
    required = [each for entry in config.get("requires", []) for each in entry["configs"]]
    assert set(required) <= set(CONFIGS)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(("services.yaml",), id="a real cluster"),
        pytest.param(
            (
                "services.yaml",
                "services-kind.yaml",
            ),
            id="kind",
        ),
        pytest.param(
            ("services.yaml", "services-kind.yaml", "services-dev.yaml"), id="kind, while developing"
        ),
        pytest.param(
            ("services.yaml", "services-kind.yaml", "services-airgap.yaml"), id="no images to be had"
        ),
    ],
)
def test_the_chart_of_the_services_takes_the_values(files: tuple[str, ...], helm: Helm) -> None:
    own = replace(SERVICES.helm(helm), given={})
    flags = [flag for file in files for flag in ("--values", str(VALUES / file))]
    services = [each["metadata"]["name"] for each in own.render(None, *flags) if each["kind"] == "Service"]
    forwarded = [forward["resourceName"] for forward in CONFIGS["orderflow"]["portForward"]]
    assert services == ["orderflow-database", *forwarded]


def test_the_operator_may_read_the_login_that_the_services_chart_names(helm: Helm) -> None:
    flags = [flag for name in ("operator", "operator-kind") for flag in ("--values", f"{VALUES / name}.yaml")]
    rendered = helm.render(None, *flags)
    own = SERVICES.helm(helm)
    (topics,) = [each["spec"]["kafka"] for each in own.render() if each["kind"] == "TopicSet"]
    readable = {
        (role["metadata"]["namespace"], name)
        for role in rendered
        if role["kind"] == "Role"
        for rule in role["rules"]
        if rule["resources"] == ["secrets"]
        for name in rule["resourceNames"]
    }
    where, cluster = topics["clusterRef"]["namespace"], topics["clusterRef"]["name"]
    assert readable == {(where, topics["auth"]["secretName"]), (where, f"{cluster}-cluster-ca-cert")}


def test_verify_runs_what_helm_test_runs(helm: Helm) -> None:
    job = yaml.safe_load((VALUES / "verify-job.yaml").read_text())
    own = SERVICES.helm(helm)
    (pod,) = [each for each in own.render() if each["kind"] == "Pod"]
    (wanted,), (found,) = pod["spec"]["containers"], job["spec"]["template"]["spec"]["containers"]
    (case,) = CONFIGS["orderflow"]["verify"]
    assert found["command"] == wanted["command"] == case["container"]["command"]
    assert found["securityContext"] == wanted["securityContext"]
    paths = {mount["name"]: mount["mountPath"] for mount in wanted["volumeMounts"]}
    assert {mount["name"]: mount["mountPath"] for mount in found["volumeMounts"]} == paths
    assert [each for each in found["env"] if each not in wanted["env"]] == [
        {"name": "TIMEOUT_SECONDS", "value": "120"}
    ]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert labels.items() <= pod["metadata"]["labels"].items()


def test_changed_sources_land_where_they_are_imported_from(helm: Helm) -> None:
    (artifact, _operator) = CONFIGS["orderflow"]["build"]["artifacts"]
    for rule in artifact["sync"]["manual"]:
        sources = [str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob(rule["src"])]
        assert sources
        landed = {f"{rule['dest']}/{source.removeprefix(rule['strip'])}" for source in sources}
        assert all(re.match(r"/src/orderflow(_lag|_process)?/", path) for path in landed)
    own = SERVICES.helm(helm)
    (api, *_) = [each for each in own.render({"dev": {"reload": True}}) if each["kind"] == "Deployment"]
    (only,) = api["spec"]["template"]["spec"]["containers"]
    assert {"name": "PYTHONPATH", "value": "/src"} in only["env"]
    assert {"name": "src", "mountPath": "/src"} in only["volumeMounts"]


@pytest.mark.parametrize("component", ["orders", "payments", "notifications", "analytics"])
def test_a_change_of_one_service_does_not_start_the_others_again(helm: Helm, component: str) -> None:
    own = SERVICES.helm(helm)
    rendered = [each for each in own.render({"dev": {"reload": True}}) if each["kind"] == "Deployment"]
    (only,) = [
        container
        for each in rendered
        for container in each["spec"]["template"]["spec"]["containers"]
        if container["name"] == component
    ]
    ignored = set(only["args"][only["args"].index("--ignore-paths") + 1].split(","))
    strangers = {"orders", "payments", "notifications", "analytics", "verify", "replay"} - {component}
    assert ignored == {f"/src/orderflow/{name}" for name in strangers}
    assert all((REPOSITORY / "services" / path.removeprefix("/")).is_dir() for path in ignored)
