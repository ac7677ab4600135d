"""Secrets by their forms. Every value is put together here, so that no scanner takes this file for a leak."""

import random
import string
from typing import Any

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class as known
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings

from chatapp.errors import ChatappError
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.guard import OutputGuard
from chatapp.moderation.policy import decide

CHECKS = build_checks([{"kind": "secrets", "stage": "output", "action": "mask"}])
ALNUM, HEX, LOWER = string.ascii_letters + string.digits, "0123456789abcdef", string.ascii_lowercase + string.digits
BASE64 = ALNUM + "+/"


def mask(text: str) -> str:
    return decide(CHECKS, text).text


def made(alphabet: str, count: int) -> str:
    """The same in each run."""
    return "".join(random.Random(count).choices(alphabet, k=count - 2)) + "a7"


SAMPLES = {
    "AWSKeyDetector": ["AKIA" + made(string.ascii_uppercase + string.digits, 18)[:16]],
    "ArtifactoryDetector": ["AKC" + made(ALNUM, 60)],
    "AzureStorageKeyDetector": ["AccountKey=" + made(BASE64, 86) + "=="],
    "DiscordBotTokenDetector": ["M" + made(ALNUM, 23) + "." + made(ALNUM, 6) + "." + made(ALNUM, 27)],
    "GitHubTokenDetector": ["ghp" + "_" + made(ALNUM, 36), "ghs" + "_" + made(ALNUM, 36)],
    "GitLabTokenDetector": ["glpat" + "-" + made(ALNUM, 20), "glagent" + "-" + made(ALNUM, 50)],
    "JwtTokenDetector": [
        ".".join(("eyJ" + "hbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0", made(ALNUM, 400)))
    ],
    "MailchimpDetector": [made(HEX, 32) + "-us" + "12"],
    "OpenAIDetector": ["sk" + "-" + made(ALNUM, 20) + "T3Blbk" + "FJ" + made(ALNUM, 20)],
    "PypiTokenDetector": ["pypi" + "-AgEIcHlwaS5vcmc" + made(ALNUM, 80)],
    "SendGridDetector": ["SG" + "." + made(ALNUM, 22) + "." + made(ALNUM, 43)],
    "SlackDetector": [
        "xoxb" + "-" + "123456789012-" + made(LOWER, 24),
        "https://hooks.slack" + ".com/services/T" + made(ALNUM, 8) + "/B" + made(ALNUM, 8) + "/" + made(ALNUM, 24),
    ],
    "SquareOAuthDetector": ["sq0csp" + "-" + made(ALNUM, 43)],
    "StripeDetector": ["sk" + "_live_" + made(ALNUM, 24)],
    "TelegramBotTokenDetector": ["1234567890" + ":" + made(ALNUM, 35)],
    "TwilioKeyDetector": ["SK" + made(LOWER, 32)],
    "SoftlayerDetector": [
        "https://api.softlayer" + ".com/soap/v3/" + made(LOWER, 64),
        "softlayer_key=" + made(LOWER, 64),
    ],
    "IbmCloudIamDetector": ["ibm_api_key = " + made(ALNUM, 44)],
    "IbmCosHmacDetector": ["secret_access_key: " + made(HEX, 48)],
    "CloudantDetector": ["cloudant_password=" + made(HEX, 64)],
    "NpmDetector": ["//registry.example/:_authToken=" + "npm" + "_" + made(ALNUM, 36)],
    "BasicAuthDetector": ["https://jo:" + "hunter22" + "@host.example/path"],
    "PrivateKeyDetector": ["-----BEGIN " + "RSA PRIVATE KEY-----"],
}


@pytest.mark.parametrize("plugin,value", [(plugin, value) for plugin, values in SAMPLES.items() for value in values])
def test_what_detect_secrets_knows_by_its_form_is_found(plugin: str, value: str) -> None:
    with transient_settings({"plugins_used": [{"name": plugin}]}):
        assert list(scan_line(value)), "The sample is none."
    masked = mask(f"Take {value} for it.")
    assert "[secret removed]" in masked
    assert masked.startswith("Take ")
    assert masked.endswith(" for it.")
    assert made(ALNUM, 20) not in masked


def test_every_detector_but_guesses_has_a_sample() -> None:
    guesses = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}
    plugins: Any = known()
    assert {plugin.__name__ for plugin in plugins.values()} - guesses == SAMPLES.keys()


@pytest.mark.parametrize(
    "value",
    [
        "github" + "_pat_" + made(ALNUM, 82),
        "AI" + "za" + made(ALNUM, 35),
        "GOCSPX" + "-" + made(ALNUM, 28),
        "hf" + "_" + made(ALNUM, 34),
        "sk" + "-ant-api03-" + made(ALNUM, 90),
    ],
)
def test_newer_forms_are_found_too(value: str) -> None:
    assert mask(f"Take {value} for it.") == "Take [secret removed] for it."


@pytest.mark.parametrize(
    "text,masked",
    [
        ("The password: Summer2024! is old.", "The password: [secret removed] is old."),
        ('export API_KEY="' + made(ALNUM, 20) + '"', 'export API_KEY="[secret removed]"'),
        ("db_passwd=" + "hunter22,next", "db_passwd=[secret removed]"),
        ("Reset password: see the portal.", "Reset password: see the portal."),
        ("token: 128000 per request", "token: 128000 per request"),
        ("password: https://portal.example/reset2024", "password: https://portal.example/reset2024"),
        ("postgres://user:password@host/db", "postgres://user:password@host/db"),
        ("https://host.example:8443/a@b", "https://host.example:8443/a@b"),
        ("pip install sk-learn-contrib-2-extra-tools", "pip install sk-learn-contrib-2-extra-tools"),
        ("commit " + made(HEX, 40), "commit " + made(HEX, 40)),
    ],
)
def test_only_what_looks_made_up_by_a_machine_or_a_careful_person_is_a_secret(text: str, masked: str) -> None:
    assert mask(text) == masked


def private_key(name: str, lines: int) -> str:
    body = "\n".join(made(BASE64, 64) for _ in range(lines))
    return f"-----BEGIN {name}-----\n{body}\n-----END {name}-----"


@pytest.mark.parametrize("name", ["PRIVATE " + "KEY", "RSA PRIVATE " + "KEY", "PGP PRIVATE " + "KEY BLOCK"])
@pytest.mark.parametrize("lines", [3, 98])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_private_key_goes_as_a_whole_however_it_is_cut(name: str, lines: int, size: int) -> None:
    text = "Here:\n" + private_key(name, lines) + "\nThat - as said - was it."
    guard = OutputGuard(CHECKS)
    out = [guard.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*out, guard.finish()]) == "Here:\n[secret removed]\nThat - as said - was it."


def test_a_private_key_without_its_end_is_taken_as_far_as_its_lines_go() -> None:
    text = private_key("EC PRIVATE " + "KEY", 5).partition("\n-----END")[0] + "\nAnd so on, said she."
    assert mask(text) == "[secret removed]\nAnd so on, said she."
    escaped = "-----BEGIN " + "PRIVATE KEY-----\\n" + made(BASE64, 64) + "\\n" + made(BASE64, 40) + " rest"
    assert mask(escaped) == "[secret removed] rest"
    putty = "PuTTY-User-Key-File" + "-3: ssh-ed25519\nEncryption: none\n" + made(BASE64, 64) + "\nNow go on."
    assert mask(putty) == "[secret removed]\nNow go on."


def test_no_field_is_taken() -> None:
    with pytest.raises(ChatappError, match="words is not a field of a secrets check"):
        build_checks([{"kind": "secrets", "stage": "output", "action": "mask", "words": ["x"]}])


@pytest.mark.parametrize(
    "text", ["-----BEGIN " * 4_000, "api_key=" * 5_000, "://a:" * 8_000, "eyJa." * 8_000, "key" * 15_000]
)
def test_c12_hostile_text_is_decided(text: str) -> None:
    assert decide(CHECKS, text).action in {"allow", "mask"}


@pytest.mark.parametrize("value", [value for values in SAMPLES.values() for value in values])
def test_a_secret_goes_letter_by_letter_as_it_goes_at_once(value: str) -> None:
    """In no time, too: each letter is looked at with all that waits before it."""
    text = f"Take {value} for it, password: Summer2024! or not."
    guard = OutputGuard(CHECKS)
    out = [guard.feed(letter) for letter in text]
    assert "".join([*out, guard.finish()]) == mask(text)
