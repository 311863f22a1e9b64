"""Makes certificates for servers on this machine: good ones, and each kind of bad one."""

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
HERE = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
ELSEWHERE = (x509.DNSName("elsewhere.example"),)


class Authority:
    """A CA of its own, in a folder: `ca.pem`, and `<name>.pem` with `<name>.key` for each that it vouches for."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"The CA {name}")
        made = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(made)

    def vouch(self, name, *, names=HERE, from_days=-1, until_days=1):
        """Make a certificate that is valid for names and days; give the files of chain and key."""
        key = ec.generate_private_key(ec.SECP256R1())
        chain, secret = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(
            self._signed(
                _named(name),
                key.public_key(),
                x509.SubjectAlternativeName(names),
                from_days=from_days,
                until_days=until_days,
            )
        )
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return chain, secret

    def _signed(self, subject, public_key, extension, *, from_days=-1, until_days=1):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + from_days * _DAY)
            .not_valid_after(now + until_days * _DAY)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
