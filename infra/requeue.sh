#!/usr/bin/env bash
# Hands everything that waits in the table to the workers once more: `make requeue`. For when the stream cannot, because the
# table was restored, or the pipe stood still for longer than the stream remembers. What was done meanwhile is done once only.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/stack.sh
. infra/stack.sh

need aws
read_settings
find_out_where
topic=$(output Topic)
waiting=$(aws dynamodb scan --table-name "$stack" --filter-expression 'attribute_exists(outbox)' --projection-expression 'PK, SK, outbox' \
  --query 'Items[].[PK.S, SK.S, outbox.S]' --output text)
count=0
while IFS=$'\t' read -r pk sk outbox; do
  [ -n "$pk" ] || continue
  # Keys of such items are made of ids.
  [[ "$pk$sk$outbox" =~ ^[A-Za-z0-9_#-]+$ ]] || fail "What waits at $pk $sk?"
  # What the workers look at of the stream's record.
  aws sns publish --topic-arn "$topic" \
    --message "{\"dynamodb\":{\"Keys\":{\"PK\":{\"S\":\"$pk\"},\"SK\":{\"S\":\"$sk\"}},\"NewImage\":{\"outbox\":{\"S\":\"$outbox\"}}}}" > /dev/null
  count=$((count + 1))
done <<< "$waiting"
echo "$count items were handed to the workers"
