#!/usr/bin/env bash
# Builds the page into web/dist/: a folder of files for any server, under any path.
# Needs rustup's target wasm32-unknown-unknown and wasm-bindgen of the version in Cargo.lock; what is missing is said, with the
# command for it.
set -euo pipefail
cd "$(dirname "$0")"

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
bindgen=${WASM_BINDGEN:-wasm-bindgen}
if [ "$("$bindgen" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    echo "first: cargo install wasm-bindgen-cli --version $version --no-default-features (or name one in WASM_BINDGEN)" >&2
    exit 1
fi
# Where rustup can fetch no target, another compiler's standard library is built along: BUILD_STD=1 with RUSTC and RUSTC_BOOTSTRAP set.
build_std=${BUILD_STD:+-Zbuild-std=std,panic_abort}
if [ -z "$build_std" ] && [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
    echo "first: rustup target add wasm32-unknown-unknown" >&2
    exit 1
fi

target=${CARGO_TARGET_DIR:-target}
rm -rf dist
mkdir -p dist/shaders
# build NAME FEATURES: a build for browsers with these instructions.
build() {
    # shellcheck disable=SC2086  # no argument, or one
    RUSTFLAGS="-C target-feature=$2" cargo build --locked --release --target wasm32-unknown-unknown \
        --target-dir "$target/$1" $build_std
    # Not through wasm-opt: README.md has what that costs.
    "$bindgen" --target web --no-typescript --remove-name-section --remove-producers-section --out-name twolayer --out-dir "dist/$1" \
        "$target/$1/wasm32-unknown-unknown/release/twolayer_web.wasm"
}
# Each browser loads one of the two. At once, as the last part of each build keeps one core busy alone.
build simd128 +simd128 &
builds=($!)
build relaxed +simd128,+relaxed-simd &
builds+=($!)
failed=0
for one in "${builds[@]}"; do
    wait "$one" || failed=1
done
[ $failed = 0 ]
cp page/* dist/
for family in tiled fused blocked shared; do
    cp -r "../shaders/$family" dist/shaders/
done
# The service worker keeps exactly these files, under a name that changes with them.
files=$(cd dist && find . -type f ! -name sw.js | LC_ALL=C sort)
digest=$(cd dist && echo "$files" | xargs sha256sum | sha256sum | cut -c1-16)
{
    echo "const VERSION = 'twolayer-$digest';"
    echo "const FILES = ['./',"
    echo "$files" | sed "s/.*/'&',/"
    echo "];"
    cat page/sw.js
} >dist/sw.js
page=$(cd dist && cat *.html *.js *.css relaxed/* | gzip -9 | wc -c)
echo "web/dist: $page bytes gzipped are loaded"
