"""Settings of the Notification Service."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from orderflow.events.groups import NOTIFICATION_SERVICE
from orderflow.streaming.settings import WorkerSettings
from orderflow_process.settings import Port


class NotificationSettings(WorkerSettings):
    """A worker that tells users."""

    default_group: ClassVar[str] = NOTIFICATION_SERVICE
    default_env_file: ClassVar[str | None] = "config/notifications.env"

    notification_language: Literal["en", "ru"] = Field("en", description="Language of the texts.")
    smtp_host: str | None = Field(
        None, description="Mail server; unset, notifications are delivered to the log."
    )
    smtp_port: Port = Field(25, description="Port of the mail server.")
    smtp_starttls: bool = Field(False, description="Encrypt the connection to the mail server.")
    smtp_username: str | None = Field(None, description="User name at the mail server, if it asks for one.")
    smtp_password: str | None = Field(None, repr=False, description="Password at the mail server.")
    smtp_from: str = Field("orders@example.invalid", description="Sender of the e-mails.")
    smtp_to_template: str = Field(
        "{user_id}@example.invalid", description="Address of a user; `{user_id}` stands for the id."
    )
    smtp_timeout_seconds: float = Field(10.0, gt=0, le=50, description="Longest wait for the mail server.")
    notification_concurrency: int = Field(
        1, ge=1, le=64, description="Deliveries at a time; those of one user stay in order."
    )

    @field_validator("smtp_to_template")
    @classmethod
    def _names_the_user(cls, template: str) -> str:
        if "{user_id}" not in template or template.replace("{user_id}", "").count("{"):
            raise ValueError("must contain {user_id} and no other placeholder")
        if "}" in template.replace("{user_id}", ""):
            raise ValueError("must not contain a } of its own")
        return template
