#!/usr/bin/env bash
# Deletes the stack: `make undeploy`. Table, files and signing secret stay, unless DATA=delete.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/stack.sh
. infra/stack.sh

# Deletes all versions of all files, as a bucket must be empty before it can be deleted.
empty() {
  local files
  while :; do
    # shellcheck disable=SC2016 # the backticks are those of the query
    files=$(aws s3api list-object-versions --bucket "$1" --max-keys 500 --no-paginate \
      --query '{Objects: [Versions, DeleteMarkers][] | [].{Key: Key, VersionId: VersionId}, Quiet: `true`}' --output json)
    [[ $files == *'"Key"'* ]] || break
    aws s3api delete-objects --bucket "$1" --delete file:///dev/stdin <<< "$files" > /dev/null
  done
}

delete_bucket() {
  if aws s3api head-bucket --bucket "$1" > /dev/null 2>&1; then
    empty "$1"
    aws s3api delete-bucket --bucket "$1"
  fi
}

delete_table() {
  if aws dynamodb describe-table --table-name "$stack" > /dev/null 2>&1; then
    aws dynamodb update-table --table-name "$stack" --no-deletion-protection-enabled > /dev/null
    aws dynamodb wait table-exists --table-name "$stack"
    aws dynamodb delete-table --table-name "$stack" > /dev/null
    aws dynamodb wait table-not-exists --table-name "$stack"
  fi
}

delete_secret() {
  if aws secretsmanager describe-secret --secret-id "$stack-signing" > /dev/null 2>&1; then
    # At once: a secret that waits to be deleted keeps its name, and the next stack of the name could not be made.
    aws secretsmanager delete-secret --secret-id "$stack-signing" --force-delete-without-recovery > /dev/null
  fi
}

need aws
read_settings
find_out_where
case ${DATA:-keep} in
  keep) ;;
  delete)
    echo "This deletes all companies, users, audit trails and files of $stack in $region, for good."
    read -r -p "Type the stack's name to go on: " typed || true
    [ "${typed-}" = "$stack" ] || fail "Nothing was deleted."
    ;;
  *) fail "DATA is keep or delete, not $DATA" ;;
esac

if [ "$(state)" != NONE ]; then
  console=$(output ConsoleBucket)
  [ -z "$console" ] || empty "$console"
  aws cloudformation delete-stack --stack-name "$stack"
  aws cloudformation wait stack-delete-complete --stack-name "$stack"
fi
delete_bucket "$code"
if [ "${DATA:-keep}" = delete ]; then
  delete_table
  delete_bucket "$bucket"
  delete_secret
  echo "$stack is gone. A backup of the table stays for 35 days, as DynamoDB makes one when a table with recovery is deleted."
else
  echo "$stack is gone. Its data stay: the table $stack, the bucket $bucket, the secret $stack-signing."
  echo "make deploy takes them into a new stack; make undeploy DATA=delete deletes them."
fi
