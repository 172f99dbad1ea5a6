"""``sign BUNDLE --key PRIVATE``: who vouches for a bundle, in a file of it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from export_pipeline.errors import UsageError
from export_pipeline.verbs.common import Verb, show


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="a folder made by 'build'")
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="PEM file of the private key, an elliptic curve's"
    )
    parser.add_argument("--password-env", metavar="NAME", help="environment variable with the password of the key")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="PEM file of a certificate of the key")
    parser.add_argument(
        "--chain",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="PEM file of certificates between that and the one that is trusted; once for each",
    )
    parser.add_argument("--replace", action="store_true", help="let go of a signature that is there")


def run(options: argparse.Namespace) -> None:
    """Sign, and tell where the signature lies."""
    from export_pipeline.bundle import Bundle
    from export_pipeline.verify.signing import Signer, sign

    if options.certificate is None and options.chain:
        raise UsageError("--chain is of a certificate; give that with --certificate.")
    if options.certificate is not None and options.password_env:
        raise UsageError("--password-env is not for keys with a certificate; decrypt the key, or leave that out.")
    bundle = Bundle.open(options.bundle)
    signer = Signer(options.key, _password(options.password_env), options.certificate, options.chain)
    path = sign(bundle, signer, options.replace)
    show({"signature": str(path)}, options.json, lambda: str(path))


def _password(name: str | None) -> str | None:
    if name is None:
        return None
    if name not in os.environ:
        raise UsageError(f"--password-env names {name}, which is not set.")
    return os.environ[name]


VERB = Verb("sign", "sign every file of a bundle, for verify --key", add, run)
