#!/usr/bin/env bash
# Writes the weights of native runs of 100 steps into web/results/native, for page.test.mjs to compare with a browser's.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p results/native
for activation in sigmoid relu tanh; do
    cargo run --locked --quiet --release --no-default-features --example weights -- "results/native/$activation.safetensors" 100 "$activation"
done
