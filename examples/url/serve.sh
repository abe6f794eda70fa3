#!/bin/sh
# Deploys a function with a URL to an AWS on this machine, and serves it until
# Ctrl-C. If a command follows, it runs that instead of waiting:
#
#	examples/url/serve.sh sh -c 'curl -sS "$FUNCTION_URL"'
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
lambda-rollout local --listen 127.0.0.1:0 --local-dir "$work/aws" >"$work/variables" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

until grep -q AWS_SECRET_ACCESS_KEY "$work/variables"; do
	kill -0 "$server" 2>/dev/null || exit 1
	sleep 0.1
done
# shellcheck source=/dev/null
. "$work/variables"

cd "$here"
lambda-rollout deploy --function-definition function.yaml --artifact code --alias live --settings settings.yaml --journal "$work/journal.jsonl" >"$work/log" ||
	{ cat "$work/log" && exit 1; }
cat "$work/log"
FUNCTION_URL=$(sed -n 's/^function-url  *//p' "$work/log")
export FUNCTION_URL

if [ $# -gt 0 ]; then
	"$@"
	exit
fi
echo "curl $FUNCTION_URL"
wait "$server"
