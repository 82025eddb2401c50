# Clears up after a run of the tests that was killed: ends what it started, removes its control groups and its folder.
# $1 is the folder of the run, which stands in the environment of whatever the run starts ($2). stdin is a pipe that
# the tests alone hold the other end of, so it ends when they do, whatever ended them.
run=$1
mark=$2=$1
case ${run##*/} in hag??????) ;; *) exit 2 ;; esac
exec 3<&0 # what runs in the background has no stdin otherwise

family() { # these processes and everybody below them
  for pid; do
    echo "$pid"
    # shellcheck disable=SC2046 # numbers
    family $(cat "/proc/$pid"/task/*/children 2>/dev/null)
  done
}
left() {
  # shellcheck disable=SC2046 # numbers
  family $(grep -lsxzF "$mark" /proc/[0-9]*/environ | cut -d/ -f3)
  find /sys/fs/cgroup -path "*/${run##*/}*" -name cgroup.procs -exec cat {} + 2>/dev/null
}
containers() { # those of the Docker that these processes belong to
  for pid; do grep -ow '[0-9a-f]\{64\}' "/proc/$pid/cgroup" 2>/dev/null; done | sort -u
}
mounted() {
  awk -v below="$run/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}
# In the background, so that nobody takes it for a child of the tests.
{
  cat <&3 >/dev/null
  groups=${run##*/}
  tries=0
  while pids=$(left) && [ -n "$pids" ] && [ $tries -lt 100 ]; do
    # shellcheck disable=SC2086 # numbers
    groups="$groups $(containers $pids)"
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
  done
  for name in $groups; do
    find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} + 2>/dev/null
  done
  # A file system or a folder of the host may be mounted below it: never remove what is in there.
  mounted | while read -r at; do umount --lazy "$at"; done
  [ -n "$(mounted)" ] || rm -rf --one-file-system "$run"
} &
