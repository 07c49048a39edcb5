#!/usr/bin/env bash
# Builds the functions, deploys the stack, uploads the console, and says how to go on: `make deploy`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/stack.sh
. infra/stack.sh

# Where links lead until the distribution has an address of its own.
readonly NOWHERE=https://not-yet.invalid

build() {
  # The functions' system has glibc 2.34; built against that, they run there whatever this machine has.
  local triple folder packages=()
  case ${Architecture:-x86_64} in
    x86_64) triple=x86_64-unknown-linux-gnu.2.34 ;;
    arm64) triple=aarch64-unknown-linux-gnu.2.34 ;;
    *) fail "Architecture is x86_64 or arm64, not $Architecture" ;;
  esac
  for folder in functions/*/; do
    packages+=(--package "$(basename "$folder")")
  done
  mkdir -p target/aws
  cargo lambda build --locked --release --target "$triple" --output-format zip --lambda-dir target/aws/functions "${packages[@]}"
  # The same template, with what was built in the place of what it was built from.
  sed 's|CodeUri: ../functions/\(.*\)|CodeUri: functions/\1/bootstrap.zip|' infra/template.yaml > target/aws/template.yaml
}

# Puts the code into a bucket, and makes a template that takes it from there.
package() {
  local place=()
  if ! aws s3api head-bucket --bucket "$code" > /dev/null 2>&1; then
    # The oldest region is the one that may not be named.
    [ "$region" = us-east-1 ] || place=(--create-bucket-configuration "LocationConstraint=$region")
    aws s3api create-bucket --bucket "$code" ${place[@]+"${place[@]}"} > /dev/null
    aws s3api put-public-access-block --bucket "$code" --public-access-block-configuration \
      BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
  fi
  aws cloudformation package --template-file target/aws/template.yaml --s3-bucket "$code" --s3-prefix functions \
    --output-template-file target/aws/packaged.yaml > /dev/null
}

# The template's parameters that are set here.
given() {
  local name
  parameters | while IFS= read -r name; do
    [ -z "${!name-}" ] || echo "$name"
  done
}

# Deploys with the parameters that are set; the others stay what they are.
deploy_stack() {
  local name values=()
  for name in $(given); do
    values+=("$name=${!name}")
  done
  # What was made stays when something fails the first time, so that the cause can be mended and this be run again.
  aws cloudformation deploy --stack-name "$stack" --template-file target/aws/packaged.yaml \
    --s3-bucket "$code" --s3-prefix templates --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --disable-rollback \
    --parameter-overrides ${values[@]+"${values[@]}"} --tags application=muster "stage=${Stage:-production}"
}

# The first deployment where there is a table already: one that an earlier stack left, or that was restored. CloudFormation
# takes table, bucket and signing secret into the stack as they are, those of them that there are.
adopt_stack() {
  local name values=()
  for name in $(given); do
    values+=("ParameterKey=$name,ParameterValue=\"${!name}\"")
  done
  echo "There is a table $stack already: taking it, and what else is there of the same name, into the new stack"
  aws s3 cp target/aws/packaged.yaml "s3://$code/templates/adopt.yaml" --only-show-errors
  aws cloudformation create-change-set --stack-name "$stack" --change-set-name adopt --change-set-type CREATE --import-existing-resources \
    --template-url "https://s3.$region.amazonaws.com/$code/templates/adopt.yaml" --capabilities CAPABILITY_IAM \
    --parameters "${values[@]}" --tags Key=application,Value=muster "Key=stage,Value=${Stage:-production}" > /dev/null
  aws cloudformation wait change-set-create-complete --stack-name "$stack" --change-set-name adopt
  aws cloudformation execute-change-set --stack-name "$stack" --change-set-name adopt --disable-rollback
  aws cloudformation wait stack-create-complete --stack-name "$stack"
}

# Where the stack's links lead; None before anything was deployed.
base_url() {
  aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Parameters[?ParameterKey=='BaseUrl'].ParameterValue | [0]" --output text
}

# Uploads the files of a folder, with types that this machine's idea of types has no part in: browsers are told to trust them.
upload() {
  local folder=$1 to=$2 cache=$3 extension type
  shift 3
  while read -r extension type; do
    aws s3 cp "$folder" "$to" --recursive --exclude '*' --include "*.$extension" "$@" \
      --content-type "$type" --cache-control "$cache" --only-show-errors
  done << 'END'
js text/javascript; charset=utf-8
css text/css; charset=utf-8
svg image/svg+xml
html text/html; charset=utf-8
END
}

# The assets before the page that names them; former ones stay for whoever has the page open. CloudFront compresses by
# itself, so what was compressed for the local stack stays here.
upload_console() {
  local console unknown
  unknown=$(find console/dist -type f ! -path '*/.vite/*' | grep -vE '\.(js|css|svg|html|br|gz)$' || true)
  [ -z "$unknown" ] || fail "infra/deploy.sh does not know the type of $unknown"
  console=$(output ConsoleBucket)
  upload console/dist/assets "s3://$console/assets" 'public, max-age=31536000, immutable'
  upload console/dist "s3://$console" no-cache --exclude 'assets/*'
}

say_how_to_go_on() {
  local record records=""
  echo
  echo "Muster is at $(base_url)"
  [ "$(base_url)" = "$(output ConsoleUrl)" ] || echo "  once that leads to $(output ConsoleUrl), by a CNAME or alias record"
  for record in SenderRecord1 SenderRecord2 SenderRecord3; do
    record=$(output $record)
    [ -z "$record" ] || records="$records  CNAME $record"$'\n'
  done
  [ -z "$records" ] || printf '\nSES sends mails once the domain of the sender has these records:\n%s' "$records"
  cat << END

Make the first company; its owner is then invited by mail (docs/operations.md says more):

  cat > company.json <<'JSON'
  { "reference": "order-1", "name": "Northwind Haulage",
    "owner": { "email": "olga@northwind.example", "first_name": "Olga" },
    "products": [ { "name": "MileOn", "seats": 50, "links": [] } ] }
  JSON
  aws lambda invoke --region $region --function-name $(output Provision) --payload fileb://company.json /dev/stdout
END
}

need aws cargo cargo-lambda
read_settings
find_out_where
state=$(state)
deployed=$([ "$state" = NONE ] || base_url)
if [ -z "$deployed" ] || [ "$deployed" = None ]; then
  [ -n "${Sender-}" ] || fail "Which address do mails come from? make deploy Sender=muster@example.com, or write it into infra/deploy.env"
  [ -z "${Certificate-}" ] || [ -n "${BaseUrl-}" ] || fail "Which address is the certificate for? Set BaseUrl"
  deployed=$NOWHERE
fi
export BaseUrl=${BaseUrl:-$deployed}
build
package

if [ "$state" = NONE ] && aws dynamodb describe-table --table-name "$stack" > /dev/null 2>&1; then
  adopt_stack
else
  deploy_stack
fi
# Without a domain links lead to the distribution, whose address is known once it is there: so the first time, twice.
if [ "$(base_url)" = "$NOWHERE" ]; then
  BaseUrl=$(output ConsoleUrl)
  export BaseUrl
  deploy_stack
fi
upload_console
say_how_to_go_on
