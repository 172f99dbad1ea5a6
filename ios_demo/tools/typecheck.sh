#!/usr/bin/env bash
# Checks the types of all that Linux cannot run: the library's code for Apple's systems, the tests of it, the app and its
# manifest, against the declarations in AppleAPIs. Runs within swift.sh. Prints how many files were compiled.
set -euo pipefail

demo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
out=$demo/StyleKit/.build/typecheck
rm -rf "$out"
mkdir -p "$out"
strict=(-swift-version 5 -strict-concurrency=complete -warnings-as-errors)
count=0

module() {  # NAME FILE...: a module that the next steps import
    local name=$1
    shift
    swiftc -emit-module -parse-as-library -module-name "$name" -emit-module-path "$out/$name.swiftmodule" -I "$out" \
        -swift-version 5 "$@"
    count=$((count + $#))
}

for name in CoreGraphics CoreVideo CoreML ImageIO CoreImage CoreMedia AVFoundation Photos UIKit UniformTypeIdentifiers \
    CoreTransferable SwiftUI PhotosUI; do
    mapfile -t files < <(find "$demo/AppleAPIs" -name "$name.swift" -o -name "$name+*.swift" | sort)
    module "$name" "${files[@]}"
done

mapfile -t library < <(find "$demo/StyleKit/Sources" -name '*.swift' | sort)
module StyleKit "${strict[@]}" "${library[@]}"
swiftc -typecheck -parse-as-library -module-name StyleKit -I "$out" "${strict[@]}" "${library[@]}"

mapfile -t support < <(find "$demo/StyleKit/Tests/TestSupport" -name '*.swift' | sort)
module TestSupport "${support[@]}"
mapfile -t tests < <(find "$demo/StyleKit/Tests/StyleKitTests" -name '*.swift' | sort)
swiftc -typecheck -parse-as-library -module-name StyleKitTests -I "$out" "${strict[@]}" "${tests[@]}"
count=$((count + ${#tests[@]}))

mapfile -t app < <(find "$demo/App/StyleDemo.swiftpm/Sources" -name '*.swift' | sort)
swiftc -typecheck -parse-as-library -module-name StyleDemo -I "$out" "${strict[@]}" "${app[@]}"
count=$((count + ${#app[@]}))

# What the README shows.
awk '/^```swift/ { shown = 1; next } /^```/ { shown = 0 } shown' "$demo/README.md" >"$out/readme.swift"
swiftc -typecheck -parse-as-library -module-name Readme -I "$out" "${strict[@]}" "$out/readme.swift"
count=$((count + 1))

api=$(dirname "$(dirname "$(readlink -f "$(command -v swiftc)")")")/lib/swift/pm/ManifestAPI
module AppleProductTypes -I "$api" "$demo/AppleAPIs/AppleProductTypes.swift"
swiftc -typecheck -module-name Manifest -package-description-version 5.9 -I "$out" -I "$api" "$demo/App/StyleDemo.swiftpm/Package.swift"
echo "types checked: $((count + 1)) files"
