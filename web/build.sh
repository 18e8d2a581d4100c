#!/usr/bin/env bash
# Builds the page into web/dist/: a folder of files for any server, under any path.
# Needs rustup's target wasm32-unknown-unknown, wasm-bindgen of the version in Cargo.lock, and npm's packages for wasm-opt; what is
# missing is said, with the command for it.
set -euo pipefail
cd "$(dirname "$0")"

version=$(sed -n '/^name = "wasm-bindgen"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
bindgen=${WASM_BINDGEN:-wasm-bindgen}
if [ "$("$bindgen" --version 2>/dev/null)" != "wasm-bindgen $version" ]; then
    echo "first: cargo install wasm-bindgen-cli --version $version --no-default-features (or name one in WASM_BINDGEN)" >&2
    exit 1
fi
if [ ! -x node_modules/.bin/wasm-opt ]; then
    echo "first: npm ci, in web/" >&2
    exit 1
fi
# Where rustup can fetch no target, another compiler's standard library is built along: BUILD_STD=1 with RUSTC and RUSTC_BOOTSTRAP set.
build_std=${BUILD_STD:+-Zbuild-std=std,panic_abort}
if [ -z "$build_std" ] && [ ! -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
    echo "first: rustup target add wasm32-unknown-unknown" >&2
    exit 1
fi

# What the compiler uses, and no more: each browser with SIMD has it. By size: what it makes faster are not the kernels.
wasm_opt="-Oz --strip-debug --strip-producers --enable-simd --enable-bulk-memory --enable-nontrapping-float-to-int --enable-sign-ext
    --enable-mutable-globals --enable-reference-types --enable-multivalue"

target=${CARGO_TARGET_DIR:-target}
rm -rf dist
mkdir -p dist/shaders
# Each browser loads one of the two: that of its vector instructions.
for variant in simd128 relaxed; do
    case $variant in
        simd128) features=+simd128 enabled= ;;
        relaxed) features=+simd128,+relaxed-simd enabled=--enable-relaxed-simd ;;
    esac
    # shellcheck disable=SC2086  # no argument, or one
    RUSTFLAGS="-C target-feature=$features" cargo build --locked --release --target wasm32-unknown-unknown \
        --target-dir "$target/$variant" $build_std
    "$bindgen" --target web --no-typescript --out-name twolayer --out-dir "dist/$variant" \
        "$target/$variant/wasm32-unknown-unknown/release/twolayer_web.wasm"
    # shellcheck disable=SC2086  # words
    node_modules/.bin/wasm-opt $wasm_opt $enabled "dist/$variant/twolayer_bg.wasm" -o dist/smaller.wasm
    mv dist/smaller.wasm "dist/$variant/twolayer_bg.wasm"
done
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
