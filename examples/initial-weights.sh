#!/bin/sh
# The book's comparison of initial weights (chapter 6): ReLU by SGD, and the loss from each of them in one picture.
#     examples/initial-weights.sh [FOLDER [FLAG...]]      flags are those of `twolayer train`
# TWOLAYER may name the command, else cargo builds and runs it; ITERATIONS may be others than the book's 2000.
set -eu
twolayer=${TWOLAYER:-cargo run --release --quiet --}
folder=${1:-runs/initial-weights}
[ $# -eq 0 ] || shift
for weights in normal xavier he; do
    $twolayer train --weight-init $weights --learning-rate 0.01 --hidden 100 --activation relu --batch-size 128 \
        --iterations "${ITERATIONS:-2000}" --out "$folder/$weights" --overwrite --quiet "$@" >/dev/null
done
$twolayer compare "$folder/normal" "$folder/xavier" "$folder/he" --plot "$folder/loss.svg" --overwrite
