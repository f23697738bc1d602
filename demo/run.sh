#!/bin/sh
# The main job on a paper account: look, approve, apply, verify, and on until the account is CLEAN.
# Everything happens in demo/out, made anew each time; plans, state and the paper account stay there to look at.
set -eu
cd "$(dirname "$0")"
rm -rf out

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold= plain=; fi
step() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
show() { # show EXPECTED-EXIT-CODE COMMAND...
  want=$1; shift
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
  code=0; "$@" || code=$?
  if [ "$code" -ne "$want" ]; then echo "demo: expected exit code $want, got $code" >&2; exit 1; fi
}

exitplan init out >/dev/null
cd out

step "Check the policies: every error at once, with file, line and column."
show 0 exitplan validate

step "Plan: what would be done to the account, and why. Nothing is sent. AVAX is suspended and stays the strategy's all the same."
show 0 exitplan plan --out plan-1.json

step "Apply exactly that plan. The stop of TRX, a coin long gone, is cancelled; euros and USDC are money and stay."
show 0 exitplan apply plan-1.json

step "Not clean yet. LUNA is delisted, and VOUCHER is an airdrop whose price nobody believes: only a person can keep them."
cat >>policies/accounts/demo.yaml <<'YAML'
protect:
  - {asset: LUNA, reason: "delisted, claim filed"}
  - {asset: VOUCHER, reason: "unsolicited airdrop"}
YAML
show 0 tail -n 3 policies/accounts/demo.yaml

step "The demo's policy does not wait between two cycles of an unwind. The shipped one does, and says until when."
show 0 exitplan plan --policy policies/default.yaml --detailed-exitcode

cycle=2
while [ "$cycle" -le 4 ]; do
  step "Unwind cycle $cycle of 4."
  show 0 exitplan plan --out "plan-$cycle.json"
  show 0 exitplan apply "plan-$cycle.json"
  cycle=$((cycle + 1))
done

step "Four checks on freshly read data: the account is CLEAN, and a new plan is empty."
show 0 exitplan verify
show 0 exitplan plan --detailed-exitcode
show 0 exitplan history

step "Left to look at in demo/out:"
ls plan-*.json data/legacy_exit_protocol_state.json data/positions.json data/alerts.jsonl data/paper/platform.json
