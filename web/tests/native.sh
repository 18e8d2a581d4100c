#!/usr/bin/env bash
# Writes the weights of native runs into web/results/native, for page.test.mjs to compare with a browser's.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p results/native
# Where tests/run has built it.
target=${CARGO_TARGET_DIR:-target}/native
for run in "100 sigmoid 50" "100 relu 50" "100 tanh 50" "10 sigmoid 200"; do
    # shellcheck disable=SC2086  # words
    cargo run --locked --quiet --target-dir "$target" --no-default-features --example weights -- "results/native/${run// /-}.safetensors" $run
done
