"""What stands around the Swift code: privacy manifest, usage strings, workflow, scripts."""

from __future__ import annotations

import plistlib
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.builds import ROOT

DEMO = ROOT / "ios_demo"
APP = DEMO / "App/StyleDemo.swiftpm"
WORKFLOW = ROOT / ".github/workflows/ios.yml"
SWIFT = sorted(path for path in DEMO.rglob("*.swift") if ".build" not in path.parts)


def source(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.swift")))


def test_the_privacy_manifest_names_what_the_code_uses() -> None:
    found = plistlib.loads((APP / "Sources/PrivacyInfo.xcprivacy").read_bytes())
    assert found["NSPrivacyTracking"] is False
    assert found["NSPrivacyTrackingDomains"] == found["NSPrivacyCollectedDataTypes"] == []
    named = {row["NSPrivacyAccessedAPIType"] for row in found["NSPrivacyAccessedAPITypes"]}
    code = source(APP / "Sources") + source(DEMO / "StyleKit/Sources")
    uses = {
        "NSPrivacyAccessedAPICategorySystemBootTime": "uptimeNanoseconds",
        "NSPrivacyAccessedAPICategoryUserDefaults": "AppStorage",
        "NSPrivacyAccessedAPICategoryFileTimestamp": "modificationDate",
        "NSPrivacyAccessedAPICategoryDiskSpace": "volumeAvailableCapacity",
    }
    assert named == {name for name, word in uses.items() if word in code}


def test_what_asks_the_user_says_why() -> None:
    manifest = (APP / "Package.swift").read_text(encoding="utf-8")
    code = source(APP / "Sources")
    for call, capability in (("AVCaptureDevice.requestAccess", "camera"), ("addOnly", "photoLibraryAdd")):
        assert call in code
        assert re.search(rf'\.{capability}\(purposeString: "[^"]{{30,}}"\)', manifest)


def test_the_library_goes_with_the_app() -> None:
    assert (APP / "StyleKit").is_symlink()
    assert (APP / "StyleKit").resolve() == DEMO / "StyleKit"


def test_the_workflow_is_sound() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, which coremltools brings, is not installed")
    found: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    (job,) = found["jobs"].values()
    assert job["runs-on"].startswith("macos-")
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert (ROOT / step.get("working-directory", ".")).is_dir()
        if "run" in step:
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
            for program in re.findall(r"python3 -c '(.*?)'", step["run"], re.S):
                compile(program, "workflow", "exec")
    text = WORKFLOW.read_text(encoding="utf-8")
    assert "xcodebuild test" in text
    for suite in re.findall(r"StyleKitTests/(\w+)", text):
        assert (DEMO / f"StyleKit/Tests/StyleKitTests/{suite}.swift").is_file()


@pytest.mark.parametrize("script", sorted((DEMO / "tools").iterdir()), ids=lambda path: path.name)
def test_each_script_can_be_run(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    shell = "bash" if "bash" in script.read_text(encoding="utf-8").splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(script)], check=True)


def test_a_machine_without_swift_is_told_so(tmp_path: Path) -> None:
    """With a path that holds no swift, as nobody in particular: SKIPPED with the reason, not a pass."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "uname", "id", "mkdir", "cat", "grep", "rm", "env"):
        (tools / name).symlink_to(
            subprocess.run(["which", name], check=True, capture_output=True, text=True).stdout.strip()
        )
    (tools / "id").unlink()
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    environment = {"PATH": str(tools), "HOME": str(tmp_path)}
    done = subprocess.run([str(DEMO / "tools/test.sh")], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "test-ios: SKIPPED: no swift on the path" in done.stdout
    assert "tests run" not in done.stdout


@pytest.mark.parametrize("path", SWIFT, ids=lambda path: path.name)
def test_swift_files_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    most = 500 if path.parent.name == "AppleAPIs" else 300
    assert len(lines) <= most
    assert max(map(len, lines)) <= 140
