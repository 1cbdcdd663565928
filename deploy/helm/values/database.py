"""The values of the database that analytics fills and the Order Service asks."""

from deploy.helm.values.pieces import FLAG, KEY, NAME, TEXT, Schema, described, section
from deploy.helm.values.sections import container, image


def database() -> Schema:
    """Return the values of the way to a database, and of the one that the chart runs."""
    return section(
        "The PostgreSQL with the tables of analytics: one of yours, or one that the chart runs.",
        existingSecret=described(
            NAME, "Secret with the URL of yours, as postgresql://user:password@host:5432/database."
        ),
        key=described(KEY, "Key of the URL in that Secret."),
        bundled=section(
            "One PostgreSQL in the release: for trying things out, without a copy or a backup. What is lost "
            "with it is read from the topics again, as far back as they reach.",
            enabled=described(FLAG, "Whether there is one."),
            image=image("Its image: PostgreSQL where Debian puts it, with 999 as the number of its user."),
            password=section(
                "Password of its user.",
                existingSecret=described(
                    NAME, "Secret with it; when empty one is made, and kept at every upgrade."
                ),
                key=described(KEY, "Its key in the Secret."),
            ),
            storage=section(
                "Where it keeps the tables.",
                persistent=described(FLAG, "Whether they outlive the pod, in a PersistentVolumeClaim."),
                size=described(TEXT, "Size of the claim.", pattern="^[0-9]+(Mi|Gi|Ti)$"),
                className=described(NAME, "Its StorageClass; the cluster's default when empty."),
            ),
            **container(),
        ),
    )
