"""`python -m tests.identity.saml_idp PORT`: a SAML 2.0 identity provider in a process of its own, for tests.

People sign in on its page with any name; the field of groups says what is told of them. Service providers are not
registered: it answers to the address that a request names, as no real provider may. POST /rotate changes its key.
"""

import html
import secrets
import sys
from base64 import b64decode
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.identity.saml_documents import (
    NAMESPACES,
    POST,
    REDIRECT,
    Answer,
    deflate,
    encode,
    inflate,
    make_key,
    make_logout,
    make_metadata,
    signed_query,
    signed_response,
)

_FORM = """<!doctype html><title>Identity provider</title><form method="post" action="{url}/sso">
<label>Name <input name="name" required></label> <label>Groups <input name="groups"></label>
<input type="hidden" name="SAMLRequest" value="{request}"><button>Sign in</button></form>"""
_POST = """<!doctype html><title>Going back</title><body onload="document.forms[0].submit()">
<form method="post" action="{acs}"><input type="hidden" name="SAMLResponse" value="{response}">
<input type="hidden" name="RelayState" value="{relay_state}"><button>Go back</button></form>"""


class Provider:
    """What the process remembers: its key, and who is signed in where."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.url}/metadata"
        self.pair = make_key("first")
        self.sessions: dict[str, dict[str, str]] = {}

    def rotate(self) -> None:
        self.pair = make_key(secrets.token_hex(4))

    def answer(self, encoded: str, name: str, groups: str, session: str) -> tuple[str, str]:
        """Where to post, and what."""
        request = inflate(encoded)
        acs = request.get("AssertionConsumerServiceURL")
        audience = request.findtext("saml:Issuer", namespaces=NAMESPACES)
        self.sessions[session] = {"name": name, "audience": audience, "slo": acs.replace("/acs/", "/sls/")}
        answer = Answer(
            issuer=self.issuer,
            acs=acs,
            audience=audience,
            in_response_to=request.get("ID"),
            name_id=f"id-of-{name}",
            attributes={"username": [name], **({"groups": groups.split(",")} if groups else {})},
            assertion_id="_" + secrets.token_hex(16),
            response_id="_" + secrets.token_hex(16),
            session_index=session,
        )
        return acs, encode(signed_response(answer, self.pair))


class Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if "SAMLRequest" in query and self.headers["Host"].startswith("127.0.0.1:"):
            # As a real one may do, it sends browsers on to another host that nobody else knows of.
            self._redirect(self.provider.url.replace("127.0.0.1", "localhost") + self.path)
            return
        if parts.path == "/metadata":
            takes = POST if "post" in query else REDIRECT
            pair = self.provider.pair
            self._send(make_metadata(self.provider.issuer, self.provider.url, pair, takes=takes).decode(), kind="xml")
        elif parts.path == "/sso":
            self._ask(query["SAMLRequest"])
        elif parts.path == "/slo" and "SAMLRequest" in query:
            self._end(query["SAMLRequest"])
        elif parts.path == "/slo":
            self._send("<!doctype html><title>Signed out</title>Signed out everywhere.")
        elif parts.path == "/favicon.ico":
            self._send("")
        elif parts.path == "/logout":
            self._begin_logout()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self._body(), keep_blank_values=True).items()}
        if self.path == "/rotate":
            self.provider.rotate()
            self._send("")
            return
        if "name" not in form:  # A request by HTTP-POST, which is not deflated.
            self._ask(deflate(b64decode(form["SAMLRequest"])))
            return
        session = secrets.token_hex(8)
        acs, response = self.provider.answer(form["SAMLRequest"], form["name"], form["groups"], session)
        page = _POST.format(acs=html.escape(acs), response=response, relay_state="https://evil.example/")
        self._send(page, cookie=session)

    def _ask(self, encoded: str) -> None:
        self._send(_FORM.format(url=self.provider.url, request=html.escape(encoded)))

    def _end(self, encoded: str) -> None:
        """A service provider signs somebody out: answer it."""
        request = inflate(encoded)
        index = request.findtext("samlp:SessionIndex", namespaces=NAMESPACES)
        session = self.provider.sessions.pop(index, None)
        if session is None:
            self.send_error(400)
            return
        answer = make_logout(
            "LogoutResponse",
            issuer=self.provider.issuer,
            destination=session["slo"],
            in_response_to=request.get("ID"),
        )
        self._redirect(f"{session['slo']}?{signed_query('SAMLResponse', answer, self.provider.pair)}")

    def _begin_logout(self) -> None:
        """The person signs out here: tell the service provider."""
        index = SimpleCookie(self.headers["Cookie"])["idp"].value
        session = self.provider.sessions.pop(index)
        request = make_logout(
            "LogoutRequest",
            issuer=self.provider.issuer,
            destination=session["slo"],
            name_id=f"id-of-{session['name']}",
            session_index=index,
        )
        self._redirect(f"{session['slo']}?{signed_query('SAMLRequest', request, self.provider.pair)}")

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()

    def _redirect(self, url: str) -> None:
        self.send_response(302)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, page: str, *, kind: str = "html", cookie: str = "") -> None:
        body = page.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", f"idp={cookie}; Path=/; HttpOnly")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: what matters is what the product says."""


def main() -> None:
    port = int(sys.argv[1])
    Handler.provider = Provider(port)
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
