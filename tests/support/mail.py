"""A real SMTP server on loopback that keeps what it takes."""

from __future__ import annotations

import email.policy
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from orderflow_local.net import free_port

HOST = "127.0.0.1"
USER, PASSWORD = b"orderflow", b"correct horse"


@dataclass
class Mailbox:
    """What the server took; `answers` says what it replies to some recipients instead of 250."""

    answers: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.recipients += envelope.rcpt_tos
        self.mails.append(message_from_bytes(content, EmailMessage, policy=email.policy.default))
        return "250 taken"


def mail_server(mailbox: Mailbox, **options: Any) -> Controller:
    """Return a server, not yet started, that fills the mailbox."""
    return Controller(mailbox, hostname=HOST, port=free_port(), **options)


def log_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
    """Let in USER with PASSWORD and nobody else."""
    return AuthResult(success=given == LoginPassword(USER, PASSWORD), handled=False)


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path] | None:
    """Return a server's context for 127.0.0.1 and the file that trusts it, or None without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    request = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=IP:{HOST}"
    subprocess.run(
        [openssl, *request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate
