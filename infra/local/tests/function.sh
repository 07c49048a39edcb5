#!/bin/bash
# A function that does as its event says, over the Lambda Runtime API and nothing else: no crate of the real ones.
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"

# Reads an HTTP message: its id, if it has one, and its body.
receive() {
  local line length=0
  while IFS= read -r line <&3 && line=${line%$'\r'} && [[ -n $line ]]; do
    case $line in
      lambda-runtime-aws-request-id:*) id=${line#*: } ;;
      lambda-runtime-invoked-function-arn:*) arn=${line#*: } ;;
      content-length:*) length=${line#*: } ;;
    esac
  done
  read -r -N "$length" body <&3
}

ask() {
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: local\r\n\r\n' >&3
  receive
}

tell() {
  printf 'POST /2018-06-01/runtime/invocation/%s/%s HTTP/1.1\r\nhost: local\r\ncontent-length: %s\r\n\r\n%s' \
    "$id" "$1" "${#2}" "$2" >&3
  receive
}

# The path in the event.
pipe() {
  local path=${body#*:\"}
  echo "${path%%\"*}"
}

while ask; do
  case $body in
    *'"exit"'*) exit 3 ;;
    *'"hang"'*) exec /bin/sleep 1000 ;;
    *'"fail"'*) tell error '{"errorType":"Test","errorMessage":"as told"}' ;;
    # Opening the one end of a pipe waits until somebody opens the other.
    *'"write"'*) echo met >"$(pipe)" && tell response "$$" ;;
    *'"read"'*) read -r _ <"$(pipe)" && tell response "$$" ;;
    *)
      tell response "{\"process\":$$,\"arn\":\"$arn\",\"home\":\"$HOME\",\"table\":\"$TABLE\",\"name\":\"$AWS_LAMBDA_FUNCTION_NAME\",\"memory\":\"$AWS_LAMBDA_FUNCTION_MEMORY_SIZE\",\"key\":\"$AWS_ACCESS_KEY_ID\",\"dynamodb\":\"$AWS_ENDPOINT_URL_DYNAMODB\"}"
      ;;
  esac
done
