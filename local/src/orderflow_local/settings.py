"""Settings of `make up`: the same names as everywhere, read from the environment."""

from pathlib import Path

from pydantic import Field

from orderflow_process.settings import Port, Settings


class LocalSettings(Settings):
    """What runs on this machine, and where."""

    kafka_bootstrap_servers: str | None = Field(
        None, min_length=1, description="Your own broker; without it an embedded one is started."
    )
    kafka_port: Port = Field(19092, description="Port of the embedded broker.")
    kafka_heap: str = Field(
        "512m", pattern=r"^[1-9][0-9]*[mg]$", description="Memory of the embedded broker's heap: 512m, 2g."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address the API listens on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    payment_workers: int = Field(1, ge=0, le=64, description="Fewest processes of the Payment Service.")
    payment_workers_max: int = Field(
        4, ge=0, le=64, description="Most processes of the Payment Service: started and stopped on its lag."
    )
    notification_workers: int = Field(
        1, ge=0, le=64, description="Fewest processes of the Notification Service."
    )
    notification_workers_max: int = Field(
        2, ge=0, le=64, description="Most processes of the Notification Service."
    )
    orderflow_data_dir: Path = Field(
        Path(".orderflow"), description="Folder for the broker's data, the logs and the state of a run."
    )
    detach: bool = Field(False, description="Return when all is ready, and leave it running.")
    yes: bool = Field(False, description="Create topics on your own broker without asking.")
