#!/bin/sh
# Deploys a version that fails one call in five, on this machine: the alias is
# called all the time, the guard sees the errors, and everything is rolled back.
# The first argument is the schedule of the traffic; further ones go to the deploy:
#
#	examples/canary/run.sh 20%/1m --report report.html
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
lambda-rollout local --listen 127.0.0.1:0 --local-dir "$work/aws" >"$work/variables" &
server=$!
callers=
# The last call ends before its server does.
trap 'touch "$work/over"; [ -z "$callers" ] || wait "$callers"; kill "$server" 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

until grep -q AWS_SECRET_ACCESS_KEY "$work/variables"; do
	kill -0 "$server" 2>/dev/null || exit 1
	sleep 0.1
done
# shellcheck source=/dev/null
. "$work/variables"

cd "$here"
deploy() {
	lambda-rollout deploy --function-definition function.yaml --alias live --journal "$work/$1.jsonl" --artifact "$@"
}
deploy one >/dev/null

url="$AWS_ENDPOINT_URL/2015-03-31/functions/lambda-rollout-canary:live/invocations"
while [ ! -e "$work/over" ]; do
	curl -sS -o /dev/null --aws-sigv4 "aws:amz:$AWS_REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" --data-binary '{}' "$url"
done &
callers=$!

schedule=${1:-20%/1m}
[ $# -eq 0 ] || shift
deploy two --traffic "$schedule" "$@"
