#!/usr/bin/env bash
# Walk one TOFU author from a letter to a signed report. Usage: docs/walkthrough-tofu.sh authors.jsonl [new-home]
# The first 20 authors (400 rows) are taken. Every command is echoed; exit codes 1, 3 and 4 are answers, not faults.
set -euo pipefail
data=${1:?"the path of TOFU's authors as JSON Lines (question, answer)"}
export RTBF_HOME=${2:-$(mktemp -d)/home}
# A trial: no grace period between approval and work, and a controller's name for the letters.
export RTBF_GRACE_H=0 RTBF_CONTROLLER_NAME="Example Models" RTBF_CONTROLLER_CONTACT=privacy@models.example RTBF_AUTHORITY_NAME="Example Authority"
work=${RTBF_HOME%/}-data  # the corpus stays where its owner keeps it; rtbf reads it there
mkdir -p "$work"

step() { printf '\n$ %s\n' "$*"; "$@" || printf '[exit %s]\n' "$?"; }
field() { rtbf show "$1" --json | python3 -c "import json,sys; print(json.load(sys.stdin)$2)"; }

head -n 400 "$data" >"$work/tofu-20-authors.jsonl"
step rtbf init
step rtbf corpus add tofu "$work/tofu-20-authors.jsonl"
step rtbf model train support --corpus tofu --preset tiny --seed 0
step rtbf model complete support "Who are Jaime Vasquez's parents and what are their professions?"

printf '\n$ rtbf --as officer submit --name "Jaime Vasquez" --ref jira:PRIV-1042\n'
ticket=$(rtbf --as officer submit --name "Jaime Vasquez" --ref jira:PRIV-1042 --json 2>/dev/null | python3 -c 'import json,sys; print(json.load(sys.stdin)["ticket_id"])')
printf '%s\n' "$ticket"
step rtbf --as officer identify "$ticket" record --method document_viewed
step rtbf --as officer notice send "$ticket" acknowledgement
step rtbf --as engineer run "$ticket" --until planning
step rtbf --as officer decide "$ticket" all --verdict erase --code NonNecessity
step rtbf --as engineer plan "$ticket" --method npo --seed 1
digest=$(field "$ticket" '["plan"]["digest"]')
step rtbf --as engineer approve "$ticket" --digest "$digest"
step rtbf --as dpo approve "$ticket" --digest "$digest"
step rtbf --as counsel approve "$ticket" --digest "$digest"
step rtbf --as engineer run "$ticket"
step rtbf model complete support --revision 2 "Who are Jaime Vasquez's parents and what are their professions?"
step rtbf --as officer notice send "$ticket" partial
step rtbf --as dpo decide "$ticket" --close partially_fulfilled
step rtbf show "$ticket" --clock
step rtbf upkeep
step rtbf report "$ticket" --out "$RTBF_HOME/outgoing" --items
root=$(rtbf key list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["root"])')
step rtbf-check "$RTBF_HOME/outgoing/bundle.zip" --trust "$RTBF_HOME/trust.json" --root "$root" --artefact "$RTBF_HOME/artefacts/$ticket/1/merged" --items "$RTBF_HOME/outgoing/items.json"
step rtbf key list
step rtbf log head
step rtbf log check
step rtbf log show "$ticket"
