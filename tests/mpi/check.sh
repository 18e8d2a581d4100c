#!/usr/bin/env bash
# Checks of the command as the ranks of an MPI job on this machine, with the built-in digits: check.sh TWOLAYER [MPIRUN]
# TWOLAYER is built with --features mpi. Takes about two minutes on two cores.
set -u
twolayer=$(realpath "$1")
mpirun=${2:-mpirun}
here=$(cd "$(dirname "$0")" && pwd)
# Open MPI refuses root, and more ranks than cores, unless it is told.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
host=$(hostname)
passed=0 failed=0

# is WHAT FOUND EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        echo "FAILED: $1: '$2', not '$3'"
        sed 's/^/    /' err 2>/dev/null | head -20
    fi
}
# says WHAT TEXT: a line of the last command's stderr has this text.
says() { is "$1" "$(grep -cF -- "$2" err | sed 's/^[1-9].*/some/')" some; }
near() { python3 -c 'import sys; print("yes" if float(sys.argv[1]) < float(sys.argv[2]) else sys.argv[1])' "$(python3 "$here/differences.py" "$1" "$2")" "$3"; }
# ranks SECONDS ARGUMENTS...: runs mpirun, and sets code and milliseconds.
ranks() {
    local limit=$1 start
    shift
    start=$(date +%s%N)
    timeout "$limit" "$mpirun" "$@" >out 2>err
    code=$?
    milliseconds=$((($(date +%s%N) - start) / 1000000))
}
ends_soon() {
    is "$1: ends within 10 s" "$([ $milliseconds -le 10000 ] && echo yes)" yes
    echo "    after $milliseconds ms"
}
# fails WHAT CODE: the last command ended by itself, within 10 s, with this code; and nothing goes on.
fails() {
    is "$1: exit code" "$code" "$2"
    ends_soon "$1"
    sleep 0.5
    is "$1: no process is left" "$(pgrep -cf "^$twolayer --data digits")" 0
}

"$twolayer" data generate digits --count 6000 --test-count 1000 --quiet >/dev/null
"$twolayer" data generate others --count 6000 --test-count 1000 --seed 9 --quiet >/dev/null
common="--data digits --quiet"
run="$twolayer $common --iterations 1000"
cpu="--device cpu"

# shellcheck disable=SC2086  # words
"$twolayer" $common $cpu --threads 1 --iterations 1000 --out one >/dev/null 2>err
for n in 2 3 4 5; do
    ranks 120 -n $n $run $cpu --out "of-$n"
    is "$n ranks: exit code" $code 0
    is "$n ranks are one process within 1e-5" "$(near one "of-$n" 1e-5)" yes
done
ranks 120 -n 2 $run $cpu --out again
is "again the same bits" "$(cmp of-2/model.safetensors again/model.safetensors && cmp of-2/history.csv again/history.csv && echo same)" same
is "run.json names the ranks' hosts" "$(python3 -c 'import json; print({r["host"] for r in json.load(open("of-2/run.json"))["replicas"]})')" "{'$host'}"
for rule in momentum adam; do
    # shellcheck disable=SC2086  # words
    "$twolayer" $common $cpu --optimizer $rule --iterations 200 --out "one-$rule" >/dev/null 2>err
    ranks 60 -n 2 "$twolayer" $common $cpu --optimizer $rule --iterations 200 --out "two-$rule"
    is "two ranks by $rule are one process" "$(near "one-$rule" "two-$rule" 1e-5)" yes
done
adapters=$("$twolayer" devices --json 2>/dev/null | python3 -c 'import json, sys; print(" ".join(d["backend"] for d in json.load(sys.stdin)["devices"][1:]))')
for backend in $adapters; do
    ranks 120 -n 1 $run $cpu --out "mixed-$backend" : -n 1 $run --device "$backend"
    is "a CPU and $backend are one process within 1e-5" "$(near one "mixed-$backend" 1e-5)" yes
done
ranks 60 -n 2 $run $cpu --average-every 10 --out k10
is "a mean after every 10 steps is another network" "$([ "$(near one k10 1e-5)" = yes ] && echo same || echo another)" another
ranks 60 -n 2 $run $cpu --average-every 10 --out k10-again
is "and the same again" "$(cmp k10/model.safetensors k10-again/model.safetensors && echo same)" same

ranks 60 -n 2 "$twolayer" $common $cpu --iterations 400 --out resumed
ranks 60 -n 4 "$twolayer" --resume resumed --iterations 1000 --quiet $cpu
is "four ranks resume the run of two: exit code" $code 0
is "and are one process within 1e-5" "$(near one resumed 1e-5)" yes
"$twolayer" --resume of-5 --iterations 1100 --quiet $cpu >/dev/null 2>err
is "one process resumes the run of five: exit code" $? 0
ranks 20 -n 2 "$twolayer" --resume of-2 --quiet
is "a finished run is finished: exit code" $code 0
is "and says so" "$(grep -c 'of-2 has finished' out)" 1

ranks 20 -n 1 $run $cpu --no-save : -n 1 "$twolayer" --data others --quiet $cpu --no-save
fails "other images on a rank" 1
says "and a line says so" "error: rank 1 on $host: these are not the images of rank 0"
ranks 20 -n 1 $run $cpu --no-save : -n 1 "$twolayer" --data /nowhere --quiet $cpu --no-save
fails "no images on a rank" 1
says "and a line names the rank" "error: rank 1 on $host: /nowhere: no such folder"
ranks 20 -n 1 $run $cpu --no-save : -n 1 "$twolayer" $common --device gpu --no-fallback --no-save -x WGPU_BACKEND=metal
fails "a wrong flag on a rank" 2
says "and a line names it" "error: rank 1 on $host: unexpected argument '-x'"
ranks 20 -n 1 $run $cpu --no-save : -n 1 -x WGPU_BACKEND=metal "$twolayer" $common --device gpu --no-fallback --no-save
fails "no adapter on a rank" 1
says "and a line names it" "error: rank 1 on $host: no GPU adapter found"
ranks 20 -n 3 $run $cpu --frobnicate
fails "a wrong flag on all" 2
is "is told once" "$(grep -c '^error: ' err)" 1
ranks 20 -n 3 $run $cpu --batch-size 2 --no-save
fails "a batch smaller than the ranks" 2
ranks 20 -n 2 $run $cpu --out /proc/none
fails "a folder that rank 0 cannot make" 1
ranks 20 -n 2 "$twolayer" eval of-2 --data digits
fails "a command of one process" 2
ranks 20 -n 2 "$twolayer" --help
is "--help: exit code" $code 0
is "is shown once" "$(grep -c '^Usage: ' out)" 1
ranks 60 -n 2 $run $cpu --learning-rate 1e30 --output identity --activation relu --out infinite
fails "a loss that is not finite" 1
is "and run.json says so" "$(grep -c 'loss not finite' infinite/run.json)" 1

# Not by shared memory, which is in files too.
OMPI_MCA_btl=tcp,self ranks 20 -n 1 bash -c "ulimit -f 8; exec $run $cpu --out full" : -n 1 $run $cpu
fails "a full disk on rank 0" 1
says "and a line names the rank and the file" "error: rank 0 on $host: full/"

long="$twolayer $common --iterations 100000000 $cpu"
# Each is hit after 3 s.
(sleep 3; kill -9 "$(pgrep -f "^$long.*--out killed" | tail -1)") &
ranks 20 -n 2 $long --out killed
milliseconds=$((milliseconds - 3000))
fails "a rank that is killed" 137
wait
(sleep 3; kill -INT "$(pgrep -f "^$mpirun -n 2 $long --out stopped" | head -1)") &
ranks 20 -n 2 $long --out stopped
milliseconds=$((milliseconds - 3000))
ends_soon "Ctrl-C"
is "Ctrl-C keeps the run" "$(cd stopped && echo model.safetensors run.json)" "$(cd stopped && ls model.safetensors run.json | tr '\n' ' ' | sed 's/ $//')"
wait
(sleep 3; kill -INT "$(pgrep -f "^$long.*--out other" | tail -1)") &
ranks 20 -n 2 $long --out other
milliseconds=$((milliseconds - 3000))
fails "Ctrl-C to another rank" 130
is "keeps the run" "$([ -e other/model.safetensors ] && echo kept)" kept
wait

ranks 300 -n 2 "$twolayer" bench --device cpu --hidden 20 --repetitions 1 --quiet --json
is "bench: exit code" $code 0
is "bench has one record" "$(python3 -c 'import json; print(len(json.load(open("out"))["rows"]))')" 1
ranks 300 -n 2 "$twolayer" gradcheck --data digits --device cpu --iterations 0 --quiet --json
is "gradcheck: exit code" $code 0
is "gradcheck has one report" "$(python3 -c 'import json; print(json.load(open("out"))["passed"])')" True

echo "$passed passed, $failed failed"
[ $failed = 0 ]
