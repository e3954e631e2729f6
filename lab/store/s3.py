"""Signed requests to an S3 service: as much as the lab needs, where no client is installed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Client:
    """Whom to ask, and as whom."""

    url: str
    authority: Path
    access_key: str
    secret_key: str
    seconds: float = 10.0
    """How long it may be silent."""

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Return status and body of the answer; no answer is an OSError or HTTPException."""
        asked = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in sorted((query or {}).items())
        )
        host = urlsplit(self.url).netloc
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(host, timeout=self.seconds, context=context)
        with contextlib.closing(connection):
            path = quote(path)
            signed = self._signed(method, path, asked, body, {"host": host, **(headers or {})})
            connection.request(method, f"{path}?{asked}" if asked else path, body, signed)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _signed(
        self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the headers with AWS's signature, version 4, over all of them."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        told = {**headers, "x-amz-date": now, "x-amz-content-sha256": digest}
        if body:  # wanted of what sets a lock or is to be under one
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            told["content-md5"] = base64.b64encode(md5).decode()
        names = ";".join(sorted(told))
        lines = [f"{name}:{told[name]}" for name in sorted(told)]
        canonical = "\n".join([method, path, query, *lines, "", names, digest])
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashed])
        key = f"AWS4{self.secret_key}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        credential = f"Credential={self.access_key}/{scope}"
        told["authorization"] = (
            f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"
        )
        return told
