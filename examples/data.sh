#!/usr/bin/env bash
# From source files to rows that the loop trains on: curate, report, review, refine, mix. A reviewer, a strong model and a weak one
# are stand-ins (examples/data/), so nothing but the benchmarks' files is needed: HARNESS_DATA names their folder, or they are downloaded.
#   examples/data.sh [FOLDER] [MORE SOURCES...]     needs `harness` on the PATH; FOLDER is ./data-demo by default; a source is FORMAT:PATH
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-data-demo}
more=("${@:2}")
mkdir -p "$folder"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} HARNESS_RUNS=$folder/runs HARNESS_MIXES=$folder/mixes
step() { printf '\n$ %s\n' "$*"; "$@"; }

python3 "$here/data/shapes.py" "$folder/sources" --rows 400
sources=(alpaca:"$folder/sources/alpaca.json" refgpt:"$folder/sources/refgpt.json" belle_multiturn:"$folder/sources/multiturn.jsonl" "${more[@]}")

step harness curate zh_cn/knowledge --out "$folder/curated" "${sources[@]/#/--source=}"
step harness data report "$folder/curated" --html "$folder/bias.html" > "$folder/bias.txt"
step harness review "$folder/curated" --sample 200 --export "$folder/sheet.csv"
step python3 "$here/data/reviewer.py" "$folder/sheet.csv" "$folder/sources/faults.json"
step harness review "$folder/curated" --import "$folder/sheet.csv"
step harness review "$folder/curated" --status

python3 "$here/data/writer.py" "$folder/sources" --port "${WRITER_PORT:-8123}" &
trap 'kill $! 2> /dev/null || true' EXIT
export HARNESS_WRITER_BASE_URL=http://127.0.0.1:${WRITER_PORT:-8123}/v1
step harness refine "$folder/curated" --what flagged --with openai:stand-in --out "$folder/refined"

python3 "$here/data/unable.py" a_eval "$folder/answers.jsonl"
step harness eval --model "replay:$folder/answers.jsonl" --tasks a_eval --judge rules > "$folder/eval.txt"
step harness diagnose latest --out "$folder/diagnosis.json" > "$folder/diagnosis.txt"
step harness mix --diagnosis "$folder/diagnosis.json" --stage knowledge --data "$folder/refined" --data-only --replay mmlu=0 --rows 600
