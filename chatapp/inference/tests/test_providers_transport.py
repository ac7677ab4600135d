"""The way to an endpoint: TLS, the address behind a name, the way out."""

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.providers import ProviderError, transport
from chatapp.inference.providers.addresses import check_peer
from chatapp.inference.providers.opening import open_model
from chatapp.inference.tests.fake_provider import (
    KEY,
    Exchange,
    FakeProvider,
    ask,
    chunk,
    event,
    hello,
    provider,
    remote,
    settle,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeProvider]:
    with provider(hello("a"), certificate=certificate) as server:
        yield server


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(transport, "_trusted", lambda: context)


def test_over_tls_a_cancel_closes_at_once_too(secure: FakeProvider, trusting: None) -> None:
    model = remote(secure.url)
    assert "".join(ask(model)) == "a"
    settle(model)
    for with_text in (True, False):
        reached, left = threading.Event(), threading.Event()

        def respond(exchange: Exchange, reached: Any = reached, left: Any = left, with_text: bool = with_text) -> None:
            exchange.open_stream()
            if with_text:
                exchange.write(event(chunk("Good ")))
            reached.set()
            if exchange.wait_until_client_leaves():
                left.set()

        secure.respond = respond
        stream = ask(model)
        assert reached.wait(20)
        if with_text:
            assert stream.next_piece(20) == "Good "
        stream.cancel()
        assert stream.next_piece(20) is None
        assert left.wait(20)
        settle(model)
    model.close()


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(secure: FakeProvider) -> None:
    model = remote(secure.url, max_retries=0)
    with pytest.raises(ProviderError, match="connection to the provider failed"):
        list(ask(model))
    model.close()
    assert secure.asked == []


@pytest.mark.parametrize(
    "ip", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1", "fd00:ec2::254", "what"]
)
@pytest.mark.parametrize("plain", [True, False])
def test_no_name_may_lead_there(ip: str, *, plain: bool) -> None:
    with pytest.raises(ProviderError, match="not allowed"):
        check_peer(ip, plain=plain)


def test_http_may_lead_inside_only() -> None:
    for ip in ("127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd12::1"):
        check_peer(ip, plain=True)
    check_peer("8.8.8.8", plain=False)
    for ip in ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"):
        with pytest.raises(ProviderError, match="leads outside"):
            check_peer(ip, plain=True)


def test_d07_the_address_is_judged_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, bool]] = []

    def judge(ip: str, *, plain: bool) -> None:
        seen.append((ip, plain))
        raise ProviderError("not there", retryable=False)

    monkeypatch.setattr(transport, "check_peer", judge)
    with provider(hello("a")) as server:
        model = remote(server.url.replace("127.0.0.1", "localhost"), max_retries=0)
        with pytest.raises(ProviderError, match="not there"):
            list(ask(model))
        model.close()
        assert server.asked == []
    assert {plain for _ip, plain in seen} == {True}
    assert {ip for ip, _plain in seen} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("may_leave", [True, False])
def test_the_way_out_is_for_what_lies_outside(settings: Any, *, may_leave: bool) -> None:
    with provider(hello("by the way out")) as proxy, provider(hello("directly")) as server:
        settings.PROVIDER_PROXY = proxy.url
        version = ModelVersion(
            name="far", provider="openai_compatible", preset="vllm", external_model="m", may_leave_company=may_leave
        )
        model = open_model(version, [Endpoint(version=version, url=server.url + "/v1", key=KEY)])
        assert "".join(ask(model)) == ("by the way out" if may_leave else "directly")
        model.close()
