"""One kind cluster with a context and a kubeconfig of its own; the user's are never read or written."""

from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from deploy.kind import debian, node_image, tools
from deploy.kind.commands import CommandFailed, run_quietly, run_showing
from deploy.kind.engine import Engine
from orderflow_local.kafka.distribution import cache_dir

NAME = "orderflow"
REPOSITORY = Path(__file__).parents[2]
PUBLIC = Path("deploy/kind/cluster.yaml")
AIRGAP = Path("deploy/kind/cluster-airgap.yaml")
PULL_WITHIN = 900.0  # seconds


@dataclass(frozen=True)
class Cluster:
    """A cluster of this name on this engine, whether it exists or not."""

    engine: Engine
    programs: Path
    name: str = NAME

    @property
    def context(self) -> str:
        """The context, as kind names it."""
        return f"kind-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """The file that kind writes the context to."""
        return cache_dir() / f"kubeconfig-{self.name}"

    @property
    def node(self) -> str:
        """The container that is the node."""
        return f"{self.name}-control-plane"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which our tools come first and reach this cluster."""
        theirs = self.engine.environment
        path = f"{self.programs}:{theirs.get('PATH', '')}"
        asked = {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(cache_dir() / "kubectl-cache")}
        return {**theirs, "PATH": path, **asked}

    def exists(self) -> bool:
        """Tell whether kind knows the cluster on this engine."""
        return self.name in self.run("kind", "get", "clusters").split()

    def runs(self) -> bool:
        """Tell whether the node runs; after the machine or the engine was restarted it may not."""
        said = self.engine("container", "inspect", "--format", "{{.State.Running}}", self.node)
        return said.strip() == "true"

    def is_airgap(self) -> bool:
        """Tell whether the node of the existing cluster is of an image made here."""
        image = self.engine("container", "inspect", "--format", "{{.Config.Image}}", self.node)
        return image.startswith("orderflow/")

    def run(self, program: str, *arguments: str, within: float = 120.0) -> str:
        """Run one of the tools and return what it printed; raise CommandFailed."""
        command = [str(self.programs / program), *arguments]
        return run_quietly(command, self.environment, within, REPOSITORY)

    def show(self, title: str, program: str, *arguments: str, console: Console) -> None:
        """Run one of the tools and show what it says; raise CommandFailed."""
        run_showing(
            title, [str(self.programs / program), *arguments], console, self.environment, folder=REPOSITORY
        )

    def create(self, console: Console, airgap: bool) -> None:
        """Make the cluster and return when all of its own pods are ready; raise CommandFailed."""
        config, image = (AIRGAP, node_image.obtain(self.engine, console)) if airgap else (PUBLIC, None)
        chosen = ["--image", image] if image else []
        where = ["--name", self.name, "--kubeconfig", str(self.kubeconfig)]
        try:
            self.show(
                f"Creating the cluster {self.context}",
                "kind",
                *("create", "cluster", "--config", str(config), "--wait", "180s", *chosen, *where),
                console=console,
            )
            self.wait(console)
        except KeyboardInterrupt:
            # Half of a cluster is of no use to anyone.
            self.delete()
            raise

    def wait(self, console: Console) -> None:
        """Return when all of the cluster's own pods are ready; raise CommandFailed."""
        where = ("--context", self.context, "--namespace", "kube-system")
        # Its pods may not have been made yet, so that a wait for all pods would not know of them.
        deployments = ("rollout", "status", "deployment", "--timeout", "180s")
        everything = ("wait", "pod", "--all", "--for", "condition=Ready", "--timeout", "180s")
        self.show("Waiting for its name service", "kubectl", *where, *deployments, console=console)
        self.show("Waiting for its own pods", "kubectl", *where, *everything, console=console)

    def refresh_kubeconfig(self) -> None:
        """Write the kubeconfig of an existing cluster anew."""
        self.run("kind", "export", "kubeconfig", "--name", self.name, "--kubeconfig", str(self.kubeconfig))

    def load(self, console: Console, *images: str) -> None:
        """Bring images of the engine onto the node."""
        self.show(
            f"Loading {' '.join(images)}",
            "kind",
            *("load", "docker-image", "--name", self.name, *images),
            console=console,
        )

    def delete(self) -> None:
        """Remove the cluster and its kubeconfig; there may be none."""
        self.run("kind", "delete", "cluster", "--name", self.name, "--kubeconfig", str(self.kubeconfig))
        self.kubeconfig.unlink(missing_ok=True)


def needs_airgap(engine: Engine, console: Console) -> bool:
    """Tell whether the public node image can neither be found nor pulled."""
    image = str(yaml.safe_load((REPOSITORY / PUBLIC).read_text())["nodes"][0]["image"])
    if engine.has_image(image):
        return False
    try:
        with console.status(f"Pulling {image.split('@')[0]}"):
            engine("pull", "--quiet", image, within=PULL_WITHIN)
    except CommandFailed:
        return True
    return False


def build_images(cluster: Cluster, console: Console, tag: str) -> list[str]:
    """Build both images of the project; the base is pulled, or made where it cannot be."""
    debian.obtain_python(cluster.engine, console)
    names = [f"{package}:{tag}" for package in ("orderflow", "orderflow-operator")]
    for name in names:
        package = name.split(":")[0]
        run_showing(
            f"Building {name}",
            [cluster.engine.client, "build", "--build-arg", f"PACKAGE={package}", "--tag", name, "."],
            console,
            cluster.environment,
            folder=REPOSITORY,
        )
    return names


def find(engine: Engine, console: Console, name: str = NAME) -> Cluster:
    """Return the cluster of this name, its tools found or built; raise PartUnavailable."""
    return Cluster(engine, tools.obtain(console), name)
