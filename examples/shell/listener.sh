#!/usr/bin/env bash
# A listener: prints each event as a line of JSON: {"info":{"sender":"temp","event":"#changed"},"data":21.5}
# usage: listener.sh [SENDER [EVENT]]      SENDER '': of all.
# The server is at SIG_HOST and SIG_PORT, or else at 127.0.0.1 and 3000.
set -eu
[ $# -le 2 ] || { echo "usage: $0 [SENDER [EVENT]]" >&2; exit 2; }
sender=${1:+\"$1\"} event=${2:+\"$2\"}

exec 3<>"/dev/tcp/${SIG_HOST:-127.0.0.1}/${SIG_PORT:-3000}"
printf '{"id":1,"method":"add_listener","params":{"sender":%s,"event":%s}}\n' "${sender:-null}" "${event:-null}" >&3
IFS= read -r -t 10 answer <&3 || { echo "no answer" >&2; exit 1; }
case $answer in *'"status":0,'*) echo "listening" >&2 ;; *) echo "$answer" >&2; exit 1 ;; esac
while IFS= read -r call <&3; do # {"id":1,"method":"signal","params":{"listener_id":1,"info":...,"data":...}}
    event=${call#*\"info\":}
    printf '{"info":%s\n' "${event%\}}"
done
echo "the server is gone" >&2
exit 1
