"""Signatures of bundles, as OpenSSF's model-signing writes them: who vouches for every file, and none besides.

Nothing here needs a network: the key, or the certificate that is trusted, is a file of the user's.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from export_pipeline.base.files import files_of, sha256, written_aside
from export_pipeline.bundle import SIGNATURE, Bundle
from export_pipeline.errors import CheckFailed, UsageError

NEEDS = (
    "signatures need {name}, which is not installed; pip install 'model-signing>=1.1.1' 'pyOpenSSL>=24.1', or the "
    "extra [signing], brings it."
)
MAKE_KEYS = (
    "openssl ecparam -name prime256v1 -genkey -noout -out private.pem makes one, and openssl ec -in private.pem "
    "-pubout -out public.pem its public half."
)
T = TypeVar("T")


@dataclass(frozen=True)
class Signer:
    """Who signs.

    Attributes:
        key: PEM file of the private key, on one of the curves P-256, P-384 and P-521.
        password: of the key, if it is encrypted.
        certificate: PEM file of a certificate of that key, which goes into the signature.
        chain: PEM files of the certificates between that and one that is trusted.
    """

    key: Path
    password: str | None = None
    certificate: Path | None = None
    chain: Sequence[Path] = ()


@dataclass(frozen=True)
class Trust:
    """Who is trusted: the public key in the PEM file *key*, or else who has a certificate of those in *roots*."""

    key: Path | None = None
    roots: Sequence[Path] = ()

    def __str__(self) -> str:
        return ", ".join(map(str, self.roots)) if self.key is None else str(self.key)


def sign(bundle: Bundle, signer: Signer, replace: bool = False) -> Path:
    """Sign every file of *bundle*, and write the signature into it as ``model.sig``.

    Args:
        replace: a signature that is there already may go.

    Raises:
        CheckFailed: the bundle is not as it was built.
        UsageError: it is signed already, a key or certificate cannot be read or does not fit, or a library is missing.
    """
    path = bundle.path / SIGNATURE
    library = _library("signing")
    if path.exists() and not replace:
        raise UsageError(f"{bundle.path} is signed already ({SIGNATURE}). Give --replace to sign it anew.")
    bundle.check_files()
    _require_files(signer.key, *(() if signer.certificate is None else (signer.certificate,)), *signer.chain)
    config = library.Config().set_hashing_config(_hashing())
    # Annotated as text, and handed on to what takes bytes.
    password: Any = None if signer.password is None else signer.password.encode()
    _read(signer.key, "private", lambda: config.use_elliptic_key_signer(private_key=signer.key, password=password))
    if signer.certificate is not None:
        # A chain of none is not taken; with the certificate in it, it stays as long.
        about: dict[str, Any] = {"certificate_chain": signer.chain or [signer.certificate]}
        about |= {"private_key": signer.key, "signing_certificate": signer.certificate}
        _read(signer.certificate, "certificate", lambda: config.use_certificate_signer(**about))
    with written_aside(path) as aside:
        config.sign(bundle.path, aside)
    return path


def check_signature(bundle: Bundle, trust: Trust) -> int:
    """Check that who is trusted has signed *bundle*, every file of it as it is, and no file less or more.

    Returns:
        The number of files that are signed.

    Raises:
        CheckFailed: it is not signed, or by somebody else, or it has changed since; every file that has is named.
        UsageError: the key or a certificate cannot be read, or a library is missing.
    """
    library = _library("verifying")
    _require_files(*trust.roots, *(() if trust.key is None else (trust.key,)))
    config = library.Config().set_hashing_config(_hashing())
    if trust.key is not None:
        _read(trust.key, "public", lambda: config.use_elliptic_key_verifier(public_key=trust.key))
    else:
        _read(trust.roots[0], "certificate", lambda: config.use_certificate_verifier(certificate_chain=trust.roots))
    path = bundle.path / SIGNATURE
    if not path.is_file():
        raise CheckFailed(f"{bundle.path} is not signed: it has no {SIGNATURE}. Sign it with 'export-pipeline sign'.")
    try:
        with _silence():
            config.verify(bundle.path, path)
    except Exception as error:  # of its own, of cryptography's, pyOpenSSL's and pydantic's: all mean the same
        raise CheckFailed(_why(bundle, path, trust, error)) from error
    return len(_signed(path))


def _why(bundle: Bundle, path: Path, trust: Trust, error: Exception) -> str:
    """What is wrong with a signature that does not hold."""
    if isinstance(error, ValueError) and str(error).startswith("Signature mismatch"):
        # The signature is good, so that what it says of the files is what was signed.
        signed = _signed(path)
        found = {file.relative_to(bundle.path).as_posix(): file for file in files_of(bundle.path) if file != path}
        wrong = [f"{name} is missing" for name in sorted(set(signed) - set(found))]
        wrong += [f"{name} was not signed" for name in sorted(set(found) - set(signed))]
        wrong += [
            f"{name} has changed" for name in sorted(set(signed) & set(found)) if sha256(found[name]) != signed[name]
        ]
        return f"{bundle.path} is not what was signed: {'; '.join(wrong) or error}"
    told = " ".join(str(error).split()) or type(error).__name__
    if "Key mismatch" in told or "X509" in type(error).__name__:
        return f"{bundle.path} is signed, but not by whom {trust} trusts ({told.rstrip('. ')})."
    return f"{path} is no signature that {trust} can be held against: it is damaged or of another kind ({told[:200]})."


def _signed(path: Path) -> dict[str, str]:
    """SHA-256 by name of what the signature at *path* says that it signs. It must have been verified."""
    payload = json.loads(path.read_text(encoding="utf-8"))["dsseEnvelope"]["payload"]
    return {one["name"]: one["digest"] for one in json.loads(base64.b64decode(payload))["predicate"]["resources"]}


def _hashing() -> Any:
    """Every file by its SHA-256 but the signature; what git has is not left out."""
    return _library("hashing").Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _library(part: str) -> Any:
    """A module of the library, whose types are partly none.

    Raises:
        UsageError: it is not installed, or what it imports without asking for it.
    """
    try:
        import model_signing  # noqa: F401
        import OpenSSL  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(NEEDS.format(name={"OpenSSL": "pyOpenSSL"}.get(str(error.name), "model-signing"))) from error
    return import_module(f"model_signing.{part}")


def _require_files(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "does not exist"
            raise UsageError(f"{path} {what}; name a PEM file. {MAKE_KEYS}")


def _read(path: Path, what: str, read: Callable[[], T]) -> T:
    """What *read* makes of the PEM file *path*, with its errors in our words."""
    try:
        return read()
    except Exception as error:
        told = " ".join(str(error).split()).rstrip(". ")
        if "encrypted" in told or "password" in told.lower() or "decrypt" in told.lower():
            raise UsageError(f"{path} cannot be decrypted ({told}). Give its password with --password-env.") from error
        if "does not match" in told:
            raise UsageError(f"{path} is a certificate of another key than the one that is to sign.") from error
        if what == "certificate":
            raise UsageError(f"{path} is no certificate in PEM form, or one of the chain is none.") from error
        kind = f"no {what} key on the curve P-256, P-384 or P-521"
        raise UsageError(f"{path} is {kind} in PEM form ({told[:160]}). {MAKE_KEYS}") from error


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what the library prints of older signatures."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
