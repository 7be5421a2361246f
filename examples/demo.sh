#!/usr/bin/env bash
# The whole loop on the demo culture, and bad recipes that its checks and its gates refuse. Nothing is downloaded; a CPU is enough.
#   examples/demo.sh [full|small] [FOLDER]     needs `harness` on the PATH; everything is written into FOLDER, by default ./demo
set -euo pipefail
size=${1:-full}
folder=${2:-demo}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OMP_WAIT_POLICY=PASSIVE    # more threads are many times slower at this size
export HARNESS_RUNS=$folder/runs HARNESS_MIXES=$folder/mixes HARNESS_CHECKPOINTS=$folder/checkpoints HARNESS_ADAPTATIONS=$folder/adaptations
export HARNESS_GATES=$folder/gates
tasks=demo_skills,demo_mcq,demo_risk,demo_benign,demo_en    # what the culture measures
adapt() { harness adapt --culture demo --batch-size 64 "$@"; }

# refused NAME WHY COMMAND...: a bad recipe, which must end with exit code 4.
refused() {
    local name=$1 why=$2 status=0
    shift 2
    "$@" > "$folder/$name.txt" 2> "$folder/$name.log" || status=$?
    if [ "$status" -ne 4 ]; then
        echo "$name ($why) should have been refused with exit code 4, and ended with $status; its log: $folder/$name.log" >&2
        return 1
    fi
    printf '%s: %s\n  %s\n' "$name" "$why" "$(grep '^harness: ' "$folder/$name.log" | tail -1)"
}

# gate CODE POLICY BASELINE CANDIDATE: rules on a checkpoint, which must end with that exit code; its JUnit file must say the same.
gate() {
    local code=$1 policy=$2 baseline=$3 candidate=$4 status=0
    local file=$HARNESS_GATES/$candidate-${policy#*/}
    harness gate --policy "$policy" --baseline "$baseline" --candidate "$candidate" --batch-size 64 --junit "$file.xml" \
        > "$file.txt" 2> "$file.log" || status=$?
    if [ "$status" -ne "$code" ]; then
        echo "the gate $policy on $candidate should have ended with exit code $code, and ended with $status; see $file.log, $file.txt" >&2
        return 1
    fi
    python3 - "$file.xml" "$code" << 'PYTHON'
import sys
from xml.etree import ElementTree

file, code = sys.argv[1:]
failures = ElementTree.parse(file).findall(".//failure")
sys.exit(0 if bool(failures) == (code == "4") else f"{file}: {len(failures)} failures, and the gate ended with exit code {code}")
PYTHON
    printf '%-16s %s\n  %s\n' "$policy" "$(sed -n 1p "$file.txt")" "$(sed -n 2p "$file.txt")"
}

mkdir -p "$HARNESS_GATES"
trap 'jobs -p | xargs -r kill 2> /dev/null' EXIT
case $size in
full)
    harness eval --model demo-en --tasks "$tasks" --batch-size 64 > "$folder/base.txt"
    refused forgetful "knowledge without replay" > "$folder/forgetful" \
        adapt --model demo-en --name forgetful --replay knowledge.demo_en=0 --set knowledge.epochs=2 &
    forgetful=$!
    adapt --model demo-en || [ $? -eq 5 ]    # 5: the claim is undecided; 4, "does not hold", ends here
    printf '\nThree bad recipes, each rightly refused:\n'
    refused timid "safety without harmless requests" > "$folder/timid" \
        adapt --model demo-en --name safety=timid --replay safety.demo_benign=0 &
    timid=$!
    refused single-minded "safety without replay" > "$folder/single-minded" \
        adapt --model demo-en --name safety=single-minded --replay safety.demo_en=0 --replay safety.demo_skills=0
    wait "$forgetful"
    wait "$timid"
    cat "$folder"/{forgetful,single-minded,timid}
    printf '\nMay it take the place of the one before?\n'
    gate 0 demo/knowledge demo-en demo-en-kg
    gate 0 demo/safety demo-en-kg demo-en-safe
    gate 0 demo/contract demo-en demo-en-safe
    gate 4 demo/knowledge demo-en forgetful-kg
    gate 4 demo/safety demo-en-kg single-minded-safe
    gate 4 demo/safety demo-en-kg timid-safe
    ;;
small)  # so little training leaves some of the claim undecided
    adapt --model demo-en-small --rows knowledge=5400 --rows safety=3200 --set knowledge.epochs=3 || [ $? -eq 5 ]
    printf '\nMay it take the place of the one before?\n'
    gate 0 demo/knowledge demo-en-small demo-en-small-kg
    gate 0 demo/contract demo-en-small demo-en-small-safe
    harness train --base demo-en-small --mix "$(basename "$folder"/mixes/demo-en-small-knowledge-*)" --stage knowledge --name broken \
        --recipe demo-knowledge --set epochs=0.1 --set learning_rate=0.1 > "$folder/broken.txt" 2> "$folder/broken.log"
    gate 4 demo/knowledge demo-en-small broken    # a learning rate a hundred times too high
    ;;
*)
    echo "no demo of size '$size'; there are: full, small" >&2
    exit 2
    ;;
esac
