"""What went wrong with TLS, in the errors of this library: who is refused by whom, why, and what to do."""

from __future__ import annotations

import ssl
from typing import Final

from sig_core.errors import AccessDenied, ConnectFailed, HandshakeError, LinkLost, SigError, Status
from sig_core.links.tls import reason_of, why_refused

__all__ = ["client_problem", "server_problem"]

SHOW: Final = "give it one that it trusts: cert=FILE&key=FILE"
REFUSALS: Final = {  # what the other end says (an alert) -> what that means for who is told, and what to do
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("it wants a certificate", SHOW),
    "TLSV1_ALERT_UNKNOWN_CA": ("it does not know who signed the certificate", SHOW),
    "SSLV3_ALERT_BAD_CERTIFICATE": ("the certificate is none that it takes", SHOW),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": ("it does not take the certificate", SHOW),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": ("the certificate is not for this use", SHOW),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("the certificate is over, or not valid yet", "have it renewed"),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": ("the certificate was revoked", "have another one made"),
    "TLSV1_ALERT_DECRYPT_ERROR": ("the certificate and its key do not go together", SHOW),
    "TLSV1_ALERT_ACCESS_DENIED": ("it does not let this peer in", SHOW),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("it wants a certificate, or other ciphers", SHOW),
}
VERSIONS: Final = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL"}
OLDER: Final = "the two speak no version of TLS in common; the option min=1.2 of both ends allows an older one"
CUT: Final = "the connection ended, and TLS did not: the peer crashed, or somebody cut it; bytes may be missing"


def client_problem(error: ssl.SSLError, url: str, *, is_open: bool) -> SigError:
    """Return the error of a client.

    Args:
        error: what OpenSSL says.
        url: of the server.
        is_open: the handshake is over, for this end: with TLS 1.3 the server judges a client's certificate after that.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        made: SigError = ConnectFailed(f"{url}: the server's certificate is refused: {why_refused(error)}")
    elif error.reason in REFUSALS:
        why, remedy = REFUSALS[error.reason]
        made = AccessDenied(f"{url}: the server refuses this client: {why}; {remedy}")
    elif error.reason in VERSIONS:
        made = ConnectFailed(f"{url}: {OLDER}")
    elif is_open:
        made = LinkLost(_broken(error))
    else:
        what = "it has closed" if isinstance(error, ssl.SSLEOFError) else reason_of(error)
        made = ConnectFailed(f"{url}: no TLS with who is there: {what}; does it speak TLS? if not, leave tls+ out")
    made.__cause__ = error
    return made


def server_problem(error: ssl.SSLError, *, is_open: bool) -> SigError:
    """Return the error of a server, for its log. Args: see `client_problem`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        made: SigError = _denied(f"its certificate is refused: {why_refused(error)}")
    elif error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        made = _denied("it shows no certificate, and ca= asks for one")
    elif error.reason in REFUSALS:
        made = _denied(f"it refuses the certificate of this server: {reason_of(error)}; it has to trust who signed it")
    elif error.reason in VERSIONS:
        made = _denied(OLDER)
    elif is_open:
        made = LinkLost(_broken(error))
    elif isinstance(error, ssl.SSLEOFError):
        made = LinkLost("it left before TLS was agreed on")
    else:
        made = _denied(f"no TLS with this peer: {reason_of(error)}")
    made.__cause__ = error
    return made


def _denied(text: str) -> HandshakeError:
    return HandshakeError(text, Status.DENIED)


def _broken(error: ssl.SSLError) -> str:
    return CUT if isinstance(error, ssl.SSLEOFError) else f"TLS is broken: {reason_of(error)}"
