"""``sign`` and ``verify --key``: whoever holds the public key sees what was signed, whole and nothing besides."""

from __future__ import annotations

import datetime
import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from export_pipeline.base.files import files_of
from export_pipeline.bundle import MEASURED, SIGNATURE, Bundle
from export_pipeline.cli import main
from export_pipeline.errors import CheckFailed
from export_pipeline.verify.signing import Trust, check_signature
from tests.builds import ROOT

SOURCE = ROOT / "artifacts" / "starry_night_tiny"
FILES = [path.relative_to(SOURCE).as_posix() for path in files_of(SOURCE)]
MISSING = [name for name in ("model_signing", "OpenSSL") if importlib.util.find_spec(name) is None]
needs_signing = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
Say = Callable[[], str]


def write_key(path: Path, curve: str = "SECP256R1", password: bytes | None = None) -> Path:
    """Write a private key to *path*, and its public half beside it; give the public one's path."""
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = rsa.generate_private_key(65537, 2048) if curve == "RSA" else ec.generate_private_key(getattr(ec, curve)())
    hidden = s.NoEncryption() if password is None else s.BestAvailableEncryption(password)
    path.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, hidden))
    public = path.with_suffix(".public.pem")
    public.write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    return public


def write_certificate(path: Path, key: Path, issuer: Path | None = None, issuer_key: Path | None = None) -> Path:
    """Write a certificate of *key* to *path*, by *issuer* or by itself, that lasts an hour."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
    from cryptography.x509.oid import NameOID

    own = load_pem_private_key(key.read_bytes(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    by = name if issuer is None else x509.load_pem_x509_certificate(issuer.read_bytes()).subject
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= {"encipher_only": False, "decipher_only": False, "crl_sign": False, "key_cert_sign": issuer is None}
    made = (
        x509.CertificateBuilder(by, name, own.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .sign(load_pem_private_key((issuer_key or key).read_bytes(), None), hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A signed bundle and its keys, to be copied."""
    folder = tmp_path_factory.mktemp("signed")
    shutil.copytree(SOURCE, folder / "bundle")
    public, private = write_key(folder / "key.pem"), folder / "key.pem"
    assert main(["sign", str(folder / "bundle"), "--key", str(private)]) == 0
    return SimpleNamespace(bundle=folder / "bundle", private=private, public=public)


@pytest.fixture
def bundle(signed: SimpleNamespace, tmp_path: Path) -> Path:
    shutil.copytree(signed.bundle, tmp_path / "renamed")
    return tmp_path / "renamed"


@pytest.fixture
def err(capsys: pytest.CaptureFixture[str]) -> Say:
    return lambda: capsys.readouterr().err


@needs_signing
def test_a_signed_bundle_passes_wherever_it_lies_and_is_whole(
    bundle: Path, signed: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["verify", str(bundle), "--key", str(signed.public), "--junit", str(tmp_path / "junit.xml")]
    assert main(words) == 0
    assert f"signature: PASSED, {len(FILES)} files, by whom {signed.public} trusts" in capsys.readouterr().out
    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("name", "").split(".")[-1] for suite in suites] == ["signature", "parity"]
    assert sorted(path.relative_to(bundle).as_posix() for path in files_of(bundle)) == sorted([*FILES, SIGNATURE])
    assert all((bundle / name).read_bytes() == (SOURCE / name).read_bytes() for name in FILES)
    made_from = json.loads((bundle / MEASURED).read_text())["made_from"]
    assert Bundle.open(bundle).is_whole(made_from)
    assert Bundle.open(bundle).unlisted() == []


@needs_signing
def test_without_a_key_the_signature_is_skipped_and_says_so(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(bundle)]) == 0
    assert "signature: SKIPPED, neither --key nor --trust says who is trusted" in capsys.readouterr().out


@needs_signing
@pytest.mark.parametrize("file", FILES)
def test_a_byte_of_any_file_that_flips_is_named(file: str, bundle: Path, signed: SimpleNamespace) -> None:
    data = bytearray((bundle / file).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / file).write_bytes(data)
    with pytest.raises(CheckFailed, match=f"is not what was signed: {file} has changed$"):
        check_signature(Bundle(bundle, None), Trust(signed.public))  # type: ignore[arg-type]


@needs_signing
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: (path / "picture.jpg").unlink(), "picture.jpg is missing"),
        (lambda path: (path / "golden" / "more.png").write_bytes(b"x"), "golden/more.png was not signed"),
        (lambda path: (path / ".gitignore").write_bytes(b"x"), ".gitignore was not signed"),
        (lambda path: (path / "picture.jpg").rename(path / "p.jpg"), "picture.jpg is missing; p.jpg was not signed"),
    ],
)
def test_a_file_more_or_less_is_named_and_the_listings_do_not_help(
    change: Callable[[Path], object], told: str, bundle: Path, signed: SimpleNamespace, tmp_path: Path, err: Say
) -> None:
    change(bundle)
    report = tmp_path / "junit.xml"
    assert main(["verify", str(bundle), "--key", str(signed.public), "--junit", str(report)]) == 1
    assert err() == f"export-pipeline: {bundle} is not what was signed: {told}\n"
    (failure,) = ElementTree.parse(report).getroot().iter("failure")
    assert told in (failure.get("message") or "")


@needs_signing
def test_who_writes_the_listings_anew_is_found_out(bundle: Path, signed: SimpleNamespace, err: Say) -> None:
    """Our own listings show damage; it is the signature that shows malice."""
    (bundle / "report.md").write_text("all is well\n")
    Bundle.seal_measured(bundle, ("benchmark.json", "report.html", "report.md"))
    assert main(["verify", str(bundle)]) == 0
    assert main(["verify", str(bundle), "--key", str(signed.public)]) == 1
    assert "is not what was signed: measured.json has changed; report.md has changed" in err()


@needs_signing
def test_another_key_a_damaged_signature_and_none(
    bundle: Path, signed: SimpleNamespace, tmp_path: Path, err: Say
) -> None:
    other = write_key(tmp_path / "other.pem")
    assert main(["verify", str(bundle), "--key", str(other)]) == 1
    assert f"is signed, but not by whom {other} trusts" in err()
    text = (bundle / SIGNATURE).read_text()
    payload = json.loads(text)["dsseEnvelope"]["payload"]
    turned = payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    for bad in (text.replace(payload, turned), text[:-20], "{}", "", "null"):
        (bundle / SIGNATURE).write_text(bad)
        assert main(["verify", str(bundle), "--key", str(signed.public)]) == 1
        assert "model.sig is no signature that" in err()
    (bundle / SIGNATURE).unlink()
    assert main(["verify", str(bundle), "--key", str(signed.public)]) == 1
    assert "is not signed: it has no model.sig. Sign it with 'export-pipeline sign'." in err()


@needs_signing
def test_a_signature_is_replaced_only_where_that_is_meant(
    bundle: Path, signed: SimpleNamespace, tmp_path: Path, err: Say
) -> None:
    other = write_key(tmp_path / "other.pem", "SECP384R1")
    words = ["sign", str(bundle), "--key", str(tmp_path / "other.pem")]
    assert main(words) == 2
    assert "is signed already (model.sig). Give --replace to sign it anew." in err()
    assert main([*words, "--replace"]) == 0
    assert check_signature(Bundle.open(bundle), Trust(other)) == len(FILES)


@needs_signing
def test_what_is_not_as_it_was_built_is_not_signed(signed: SimpleNamespace, tmp_path: Path, err: Say) -> None:
    shutil.copytree(SOURCE, tmp_path / "bundle")
    (tmp_path / "bundle" / "report.md").write_text("")
    assert main(["sign", str(tmp_path / "bundle"), "--key", str(signed.private)]) == 1
    assert "report.md has changed" in err()
    assert not (tmp_path / "bundle" / SIGNATURE).exists()


@needs_signing
def test_keys_that_are_none(tmp_path: Path, err: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SOURCE, tmp_path / "bundle")
    public = write_key(tmp_path / "key.pem", password=b"secret")
    write_key(tmp_path / "rsa.pem", "RSA")
    write_key(tmp_path / "curve.pem", "SECP256K1")
    (tmp_path / "text.pem").write_text("no key")
    words = ["sign", str(tmp_path / "bundle"), "--key"]
    for name, told in (
        ("none.pem", "does not exist; name a PEM file. openssl ecparam"),
        ("", "is a folder; name a PEM file"),
        ("text.pem", "text.pem is no private key on the curve P-256, P-384 or P-521 in PEM form"),
        ("rsa.pem", "rsa.pem is no private key on the curve"),
        ("curve.pem", "curve.pem is no private key on the curve"),
        (public.name, "is no private key on the curve"),
        ("key.pem", "key.pem cannot be decrypted"),
    ):
        assert main([*words, str(tmp_path / name)]) == 2
        assert told in err()
    monkeypatch.setenv("PASSWORD", "wrong")
    hidden = [*words, str(tmp_path / "key.pem"), "--password-env"]
    assert main([*hidden, "NO_PASSWORD"]) == 2
    assert "--password-env names NO_PASSWORD, which is not set." in err()
    assert main([*hidden, "PASSWORD"]) == 2
    assert "cannot be decrypted" in err()
    monkeypatch.setenv("PASSWORD", "secret")
    assert main([*hidden, "PASSWORD"]) == 0
    assert main(["verify", str(tmp_path / "bundle"), "--key", str(tmp_path / "key.pem")]) == 2
    assert "is no public key on the curve" in err()
    assert check_signature(Bundle.open(tmp_path / "bundle"), Trust(public)) == len(FILES)


@needs_signing
def test_a_certificate_of_who_is_trusted(tmp_path: Path, err: Say) -> None:
    shutil.copytree(SOURCE, tmp_path / "bundle")
    for name in ("root", "key", "other"):
        write_key(tmp_path / f"{name}.pem")
    root = write_certificate(tmp_path / "root.crt", tmp_path / "root.pem")
    own = write_certificate(tmp_path / "own.crt", tmp_path / "key.pem", root, tmp_path / "root.pem")
    other = write_certificate(tmp_path / "other.crt", tmp_path / "other.pem")
    bundle = str(tmp_path / "bundle")
    words = ["sign", bundle, "--key", str(tmp_path / "key.pem")]
    assert main([*words, "--chain", str(root)]) == 2
    assert "--chain is of a certificate" in err()
    assert main([*words, "--certificate", str(other)]) == 2
    assert "other.crt is a certificate of another key than the one that is to sign" in err()
    assert main([*words, "--certificate", str(tmp_path / "key.pem")]) == 2
    assert "key.pem is no certificate in PEM form" in err()
    assert main([*words, "--certificate", str(own)]) == 0
    assert main(["verify", bundle, "--trust", str(root)]) == 0
    assert main(["verify", bundle, "--trust", str(other)]) == 1
    assert f"is signed, but not by whom {other} trusts" in err()
    assert main(["verify", bundle, "--trust", str(tmp_path / "key.pem")]) == 2
    assert "is no certificate in PEM form" in err()
    assert main(["verify", bundle, "--key", str(tmp_path / "key.public.pem")]) == 1
    assert "model.sig" in err()
    assert main(["verify", bundle, "--key", str(root), "--trust", str(root)]) == 2
    assert "give --key or --trust" in err()


def test_a_recipe_has_no_signature(err: Say) -> None:
    assert main(["verify", "export_only", "--key", "public.pem"]) == 2
    assert "--key and --trust are for bundles" in err()


@pytest.mark.parametrize(("module", "name"), [("model_signing", "model-signing"), ("OpenSSL", "pyOpenSSL")])
def test_without_the_libraries_it_says_how_to_get_them(
    module: str, name: str, err: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if name != "model-signing" and "model_signing" in MISSING:
        pytest.skip("model-signing is not installed")
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "key.pem").touch()
    for verb in ("sign", "verify"):
        assert main([verb, str(SOURCE), "--key", str(tmp_path / "key.pem")]) == 2
        assert err() == (
            f"export-pipeline: signatures need {name}, which is not installed; pip install 'model-signing>=1.1.1' "
            "'pyOpenSSL>=24.1', or the extra [signing], brings it.\n"
        )
