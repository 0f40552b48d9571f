#!/usr/bin/env bash
# Everything to measure on a GPU, in at most eight minutes on one card, without network:
#
#     benchmarks/on_gpu.sh [--device cuda] [--out out/gpu] [--corpus FOLDER] [--small]
#
# 1. equality with the CPU: networks, metrics, raster, streaming, front end, first losses
# 2. a training step at width 1: batches of 32, 256 and 1,024, fp32, bf16, compiled; windows a second, and waits
# 3. the ablation at full width, 300 epochs, on FOLDER (annotated clips with a manifest); without one, on noise: time only
# 4. the benchmarks with --device
# 5. the test suite under whichever Python is active
#
# It leaves rows.jsonl, bench.json, the logs of each part, and table.md. A part that fails or takes too long is told in
# the table, and the next one runs. --small is a smoke test of the script itself, for --device cpu.
# It needs an environment with the four packages, pytest, pytest-benchmark, hypothesis and beartype.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

device=cuda out=out/gpu corpus="" small=""
while [ $# -gt 0 ]; do
    case "$1" in
        --device) device=$2; shift 2 ;;
        --out) out=$2; shift 2 ;;
        --corpus) corpus=$2; shift 2 ;;
        --small) small=--small; shift ;;
        *) echo "expected --device, --out, --corpus or --small, got $1" >&2; exit 2 ;;
    esac
done
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
export HF_HUB_OFFLINE=1 PYTHONPATH="$PWD/benchmarks/gpu${PYTHONPATH:+:$PYTHONPATH}"
python -c 'import sys, torch; torch.zeros(1, device=sys.argv[1])' "$device" || exit 1

# part NAME SECONDS COMMAND…: run it with a limit, and write how it ended.
part() {
    local name=$1 limit=$2 start=$SECONDS code
    shift 2
    echo "== $name (at most $limit s)"
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1
    code=$?
    tail -n 3 "$out/$name.log"
    python - "$out" "$name" $((SECONDS - start)) "$code" <<'PY'
import sys
from pathlib import Path
from rows import write_row
code = int(sys.argv[4])
verdict = "done" if code == 0 else "stopped at its limit" if code in (124, 137) else f"exit code {code}"
write_row(Path(sys.argv[1]), "part", sys.argv[2], float(sys.argv[3]), "s", verdict)
PY
}

part equality 60 python benchmarks/gpu/equality.py --device "$device" --out "$out" $small
part training-step 110 python benchmarks/gpu/train_steps.py --device "$device" --out "$out" $small

kind=corpus
if [ -z "$corpus" ]; then
    kind=noise corpus=$out/noise
    python benchmarks/gpu/noise_clips.py "$corpus" --clips "$([ -n "$small" ] && echo 8 || echo 64)"
fi
settings=(--config examples/paper_ablation.toml --set checkpoint_every=100000)
if [ -n "$small" ]; then
    settings+=(--epochs 1 --set model.width=0.05 --set batch_size=4)
else
    settings+=(--epochs 300 --set model.width=1.0 --set learning_rate=1e-4 --set 'precision="bf16-mixed"')
    settings+=(--cache device)
fi
part "ablation-on-$kind" 150 python -m a2k_train ablate "$corpus" --run "$out/ablation" --device "$device" "${settings[@]}"
rm -rf "$out/noise" "$out"/ablation/*/state.safetensors

files=(benchmarks/speed/bench_{generate,log_mel,kp_metrics,raster}.py)
part benchmarks 60 python -m pytest -c benchmarks/pytest.ini "${files[@]}" --device "$device" \
    --benchmark-json="$out/bench.json" ${small:+--quick} -p no:cacheprovider
if [ -n "$small" ]; then
    part tests 60 python -m pytest -q packages/a2k-nets/tests/test_similarity.py --benchmark-disable -p no:cacheprovider
else
    # On all cores where pytest-xdist is installed; on one core the limit ends the suite.
    python -c 'import xdist' 2>/dev/null && xdist=(-n auto) || xdist=()
    part tests 85 python -m pytest -q packages --benchmark-disable -p no:cacheprovider "${xdist[@]}"
fi
python benchmarks/gpu/table.py "$out" && cat "$out/table.md"
