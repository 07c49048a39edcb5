# shellcheck shell=bash disable=SC2034
# What deploy.sh and undeploy.sh both need; they source it. Of bash 3.2, which is what macOS has.

fail() {
  echo "$*" >&2
  exit 1
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" > /dev/null || fail "$tool is not installed: docs/operations.md says what a deployment needs"
  done
}

# The template's parameters.
parameters() {
  sed -n '/^Parameters:/,/^Conditions:/s/^  \([A-Za-z]*\):$/\1/p' infra/template.yaml
}

# Takes what is set in infra/deploy.env and not in the environment, so that `make deploy Memory=512` has the last word.
read_settings() {
  local file=${SETTINGS:-infra/deploy.env} line name
  if [ -f "$file" ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in '' | '#'*) continue ;; esac
      name=${line%%=*}
      if [ "$name" = "$line" ] || ! { parameters; printf '%s\n' STACK AWS_PROFILE AWS_REGION; } | grep -x -- "$name" > /dev/null; then
        fail "$file: what is \"$line\"?"
      fi
      [ -n "${!name-}" ] || export "$name=${line#*=}"
    done < "$file"
  fi
  stack=${STACK:-muster}
  # The names of buckets are made of it and have 63 letters at most.
  [[ $stack =~ ^[a-z][a-z0-9-]{0,23}$ ]] || fail "STACK is to be up to 24 small letters, digits and dashes, not $stack"
}

# Where we are, and what the buckets are called there; $code is the one that code goes through on its way to the functions.
find_out_where() {
  local account
  region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
  [ -n "$region" ] || fail "Which region? Set AWS_REGION"
  export AWS_REGION=$region AWS_DEFAULT_REGION=$region AWS_PAGER=""
  account=$(aws sts get-caller-identity --query Account --output text) || fail "There are no credentials for AWS"
  bucket=$stack-$account-$region
  code=$stack-code-$account-$region
}

# The state of the stack, or NONE.
state() {
  aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text 2> /dev/null || echo NONE
}

# One of the stack's outputs, or nothing.
output() {
  local value
  value=$(aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue | [0]" --output text)
  [ "$value" = None ] || echo "$value"
}
