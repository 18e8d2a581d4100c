#!/bin/sh
# The book's comparison of optimisers (chapter 6): the same weights and batches, and the loss by each of them in one picture.
#     examples/optimizers.sh [FOLDER [FLAG...]]      flags are those of `twolayer train`
# TWOLAYER may name the command, else cargo builds and runs it; ITERATIONS may be others than the book's 2000.
set -eu
twolayer=${TWOLAYER:-cargo run --release --quiet --}
folder=${1:-runs/optimizers}
[ $# -eq 0 ] || shift
for optimizer in sgd momentum adagrad adam; do
    case $optimizer in adam) rate=0.001 ;; *) rate=0.01 ;; esac
    $twolayer train --optimizer $optimizer --learning-rate $rate --hidden 100 --activation relu --weight-init he \
        --batch-size 128 --iterations "${ITERATIONS:-2000}" --out "$folder/$optimizer" --overwrite --quiet "$@" >/dev/null
done
$twolayer compare "$folder/sgd" "$folder/momentum" "$folder/adagrad" "$folder/adam" --plot "$folder/loss.svg" --overwrite
