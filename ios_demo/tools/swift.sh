#!/usr/bin/env bash
# Runs `swift ARGUMENTS` (or another command: SWIFT_TOOL=swiftc) in the folder where it is called.
#
# Takes the swift on the path. Without one, on Debian and Ubuntu as root, it sets up a small Debian root with Swift 6
# once (two minutes, 3.3 GB), in $EXPORT_PIPELINE_CACHE/swift-trixie or ~/.cache/export-pipeline/swift-trixie, and runs
# it there. This checkout, the home folder, /tmp and the machine (as /host) are bound into it for as long as it runs.
# Where neither is possible it says SKIPPED with the reason, and ends with 77.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tool=${SWIFT_TOOL:-swift}
suite=trixie
packages=swiftlang,libc6-dev,libstdc++-14-dev,git,ca-certificates
cache=${EXPORT_PIPELINE_CACHE:-$HOME/.cache/export-pipeline}
root=$cache/swift-$suite

skip() { echo "SKIPPED: no swift on the path, and none can be set up here: $1" >&2; exit 77; }

if command -v swift >/dev/null; then exec "$tool" "$@"; fi

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || skip "the Debian root is for Linux on x86_64. Install Swift 6."
[ "$(id -u)" = 0 ] || skip "making a Debian root takes root. Install Swift 6, or run this once as root."
unshare --mount true 2>/dev/null || skip "this container may not mount file systems (CAP_SYS_ADMIN)."

find_debootstrap() {  # sets the command; the package is only unpacked, never installed
    debootstrap=(debootstrap)
    if command -v debootstrap >/dev/null; then return; fi
    local tools=$cache/debootstrap
    debootstrap=(env "DEBOOTSTRAP_DIR=$tools/usr/share/debootstrap" "$tools/usr/sbin/debootstrap")
    if [ -x "$tools/usr/sbin/debootstrap" ]; then return; fi
    command -v apt-get >/dev/null || return 1
    mkdir -p "$tools"
    (
        cd "$tools"
        fetch() { apt-get download -qq -o APT::Sandbox::User=root debootstrap; }
        fetch || { apt-get update -qq && fetch; } || exit 1
        dpkg-deb -x debootstrap_*.deb . && rm debootstrap_*.deb
    ) >&2
}

set_up() {
    find_debootstrap || skip "there is no debootstrap, and apt-get cannot fetch it."
    local log=$cache/swift-$suite.log
    echo "setting up Swift in $root (some minutes, 3.3 GB; log: $log)" >&2
    rm -rf --one-file-system "$root.part"
    # What it mounts is gone when it ends, however it ends.
    if ! unshare --mount --propagation private "${debootstrap[@]}" \
        --variant=minbase --include="$packages" "$suite" "$root.part" >"$log" 2>&1; then
        skip "debootstrap failed: $(tail -n 1 "$log")"
    fi
    rm -rf "$root.part/var/cache/apt/archives"/*.deb
    mkdir -p "$root.part/host"
    mv "$root.part" "$root"
}

# The whole root is renamed last, so that one that is there is whole; the lock keeps a second caller waiting.
mkdir -p "$cache"
exec 9>"$cache/swift-$suite.lock"
flock 9
[ -d "$root" ] || set_up
exec 9>&-

# The mounts are seen by this process alone and end with it.
export SWIFT_ROOT=$root SWIFT_CHECKOUT=$checkout SWIFT_TOOL=$tool SWIFT_FOLDER=$PWD SWIFT_HOME=$HOME
exec unshare --mount --propagation private bash -c '
    set -e
    mount --rbind / "$SWIFT_ROOT/host"
    for folder in /proc /dev /tmp; do mount --rbind "$folder" "$SWIFT_ROOT$folder"; done
    for folder in "$SWIFT_CHECKOUT" "$SWIFT_HOME"; do
        mkdir -p "$SWIFT_ROOT$folder"
        mount --rbind "$folder" "$SWIFT_ROOT$folder"
    done
    exec chroot "$SWIFT_ROOT" /bin/sh -c '"'"'cd "$SWIFT_FOLDER" && exec "$SWIFT_TOOL" "$@"'"'"' swift "$@"
' swift "$@"
