"""Who somebody is, and may do: rules, profiles, tokens, names of certificates, and peers at a server with rules."""

from __future__ import annotations

import json
from pathlib import Path

from sig_core.access.access_control import AccessControl
from sig_core.access.admission import Admission
from sig_core.access.policy import Policy
from sig_core.access.principal import Facts
from sig_core.access.rules import ACTIONS, Rules, RulesError
from sig_core.certs.index import Index
from sig_core.certs.names import names_of
from sig_core.cli.profiles import profiles_of
from sig_core.errors import ConfigError
from sig_core.routing.guarded_exchange import GuardedExchange
from sig_core.session.base import State
from sig_core.session.binary.server import ServerSession
from sig_core.session.door import NOBODY, Door
from sig_core.session.link_session import LinkSession
from sig_core.session.plain.session import PlainSession
from sig_core.tokens import digest, is_digest
from tests.fuzz.cutting import as_parts, choose, parts_of, pieces
from tests.fuzz.peers import CALLS, TIGHT, control, ended, feed, objects
from tests.support.sessions import PLUGINS, Net, opening

__all__ = ["SEEDS", "certificate_index", "certificate_name", "profile", "ruled", "rules", "token"]

TOKEN = "a-token"
NAMES = (None, "s", "lab/x", 7, "#c")
RULES = f"""version = 1
revoked = ["{digest("another")}"]
[roles.one]
add = ["{{user}}", "s", 7]
see = ["*"]
listen = [{{ sender = "s" }}, {{ event = "#c" }}]
request = [{{ sender = "s", method = ["get*", "m"] }}]
operate = ["stats", "explain"]
deny.listen = [{{ sender = "lab/*", event = "#c" }}]
limits = {{ links = 2, names = 2, listeners = 2, requests = 1, events_per_second = 5, memory = 4096 }}
[[who]]
token = "{digest(TOKEN)}"
user = "anna"
roles = ["one"]
[[who]]
certificate = {{ uri = "sig:panel/*" }}
user = "{{name}}"
roles = ["one"]
[[who]]
anyone = true
at = ["sim://*"]
roles = ["one"]
"""


def rules(data: bytes) -> None:
    """A file of rules: all that is wrong is named, and what can be meant can be asked."""
    try:
        found = Rules.parse(data.decode("utf-8", "replace"))
    except RulesError as error:
        assert str(error)
        return
    principal = Admission(found).admit(Facts("sim://here", token=digest(TOKEN))) or NOBODY
    policy = Policy(found)
    for action in ACTIONS:
        for sender in NAMES:
            for name in NAMES if action in ("listen", "request") else (None,):
                verdict = policy.decide(principal, action, sender, name)
                assert policy.decide(principal, action, sender, name) == verdict and verdict.rule


def profile(data: bytes) -> None:
    """Profiles of clients."""
    try:
        profiles_of(Path("profiles.toml"), data)
    except ConfigError as error:
        assert str(error).startswith("profiles.toml")


def token(data: bytes) -> None:
    """A token, as a file has it; errors do not show it."""
    text = data.decode("utf-8", "replace")
    try:
        assert is_digest(digest(text))
    except ConfigError as error:
        assert len(text) < 20 or text not in str(error)


def certificate_name(data: bytes) -> None:
    """Whom a certificate names: a name that leads out of its folder is none."""
    name, user, *hosts = [part.decode("utf-8", "replace") for part in parts_of(data)] + ["", ""]
    try:
        found = names_of(name, user or None, tuple(hosts[:5]))
    except ConfigError as error:
        assert str(error)
    else:
        assert Path(found.common).name == found.common not in ("", ".", "..")


def certificate_index(data: bytes) -> None:
    """What an authority has issued."""
    try:
        assert Index.parse("index.json", data).dump()
    except ConfigError as error:
        assert str(error).startswith("index.json")


# -- peers


class RuledNet(Net):
    """A server with rules.

    Attributes:
        door: of its links.
    """

    def __init__(self) -> None:
        super().__init__(TIGHT)
        access = AccessControl(Rules.parse(RULES), lambda entry: None)
        exchange = self.exchange = GuardedExchange(PLUGINS.codecs.get, self.limits, lambda: self.now, access)
        self.door = Door(
            self.identities, access, lambda shown: Facts("sim://here", token=shown), "peer", exchange.guard
        )

    def client(self) -> LinkSession:
        """Return a session of a client that has shown its token."""
        codecs = PLUGINS.choose_codecs(["json"])
        session = ServerSession(self.exchange, self.door, codecs, self.limits, peer="peer", packets=False, now=0.0)
        session.port.principal = NOBODY
        session.on_backlog = self.backlog.append  # type: ignore[assignment]
        session.receive_data(opening(codecs=["json"], auth={"token": TOKEN}), 0.0)
        assert session.state is State.OPEN and session.port.principal.user == "anna"
        return session

    def plain(self) -> LinkSession:
        """Return a session of a plain peer, which has said nothing."""
        return PlainSession(
            *(self.exchange, PLUGINS.codecs.get("json"), self.limits, self.door),
            peer="plain",
            packets=False,
            deadline=self.limits.handshake,
            request_tick=lambda when: None,
            on_backlog=self.backlog.append,  # type: ignore[arg-type]
        )


def ruled(data: bytes) -> None:
    """What a peer says to a server with rules, which change in the midst."""
    net = RuledNet()
    session = choose(data, 0, [net.client, net.plain])()
    parts = pieces(data, 1)
    feed(session, net, parts[: len(parts) // 2])
    net.exchange.apply(Rules.parse(RULES.replace('"s"', '"lab/x"')))
    feed(session, net, parts[len(parts) // 2 :])
    ended(session, net)


LOGIN = {"id": 1, "method": "login", "params": {"token": TOKEN}}
ASKS = [
    {"id": 20, "method": "whoami", "params": {}},
    {"id": 21, "method": "explain", "params": {"user": "anna", "action": "add", "sender": "s", "name": None}},
    {"id": 22, "method": "stats", "params": {}},
]

SEEDS: dict[str, list[bytes]] = {
    "rules": [RULES.encode(), b"version = 1\n[[who]]\nanyone = true\n", b"version = 2\n[roles]\na = 1\n"],
    "profile": [
        b'[default]\nurl = "tls+tcp://h:1"\ncodec = "json"\nca = "ca.pem"\ntoken_file = "~/t"\n',
        b'[b]\nurl = "tls+tcp://h:1?min=1.3"\ncert = "c.pem"\nkey = "k.pem"\n',
        b'[x]\ncodec = ["cbor", "json"]\nkey = "k"\n',
    ],
    "token": [TOKEN.encode(), b" sig_00ff \r\n", b"two words", b"\xff"],
    "certificate_name": [
        as_parts(b"hall", b"panel/hall", b"localhost", b"*.lan", b"[::1]", b"127.0.0.1"),
        as_parts(b"x", b"sig:panel/hall", b"fe80::1%eth0"),
        as_parts(b"../ca", b"", b"tcp://h"),
    ],
    "certificate_index": [
        b'{"version":1,"revocations":1,"issued":[{"name":"hall","serial":"0A","until":"2030-01-01T00:00:00Z"}]}',
        Index().dump(),
    ],
    "ruled": [
        *(b"\0\0" + b"".join(control("json", some)) for some in (CALLS, ASKS)),
        *(b"\0\1" + frame for frame in control("json", [*CALLS, *ASKS])),
        *(b"\1" + text[:1] + b"\n".join((json.dumps(LOGIN).encode(), text[2:])) for text in objects()),
        *(b"\1\0" + json.dumps(each).encode() for each in [LOGIN, *ASKS]),
    ],
}
