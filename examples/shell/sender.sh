#!/usr/bin/env bash
# A sender: fires EVENT of SENDER for each line of standard input, which is the data as JSON: 21.5 or "text" or {"a":1}
# usage: sender.sh SENDER EVENT
# The server is at SIG_HOST and SIG_PORT, or else at 127.0.0.1 and 3000.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 SENDER EVENT" >&2; exit 2; }

call() { # METHOD PARAMS
    printf '{"id":1,"method":"%s","params":%s}\n' "$1" "$2" >&3
    IFS= read -r -t 10 answer <&3 || { echo "no answer: the server is gone, or waits for the end of: $2" >&2; exit 1; }
    case $answer in *'"status":0,'*) ;; *) echo "$answer" >&2; exit 1 ;; esac
}

exec 3<>"/dev/tcp/${SIG_HOST:-127.0.0.1}/${SIG_PORT:-3000}"
call add_sender "{\"sender\":\"$1\",\"events\":[\"$2\"]}"
while IFS= read -r data || [ -n "$data" ]; do
    call signal "{\"info\":{\"sender\":\"$1\",\"event\":\"$2\"},\"data\":$data}"
done
