# Clears up after a run of the tests that was killed: ends what it started, removes its control groups and its folder.
# $1 is the folder of the run, which stands in the environment of whatever the run starts ($2). stdin is a pipe that
# the tests alone hold the other end of, so it ends when they do, whatever ended them.
run=$1
mark=$2=$1
case ${run##*/} in hag??????) ;; *) exit 2 ;; esac
[ "$(cd "$run" && pwd -P)" = "$run" ] || exit 2 # by a path with links in it no mount below would be found
exec 3<&0 # what runs in the background has no stdin otherwise
ids() { grep -ow '[0-9a-f]\{64\}' "$1" 2>/dev/null; }
here=$(ids /proc/self/cgroup) # the container that the tests themselves run in is nobody's to clear away

family() { # these processes and everybody below them
  for pid; do
    echo "$pid"
    # shellcheck disable=SC2046 # numbers
    family $(cat "/proc/$pid"/task/*/children 2>/dev/null)
  done
}
left() {
  # conmon gets an environment of Podman's own, and a home that is below our folder; a run in this one has its own mark.
  # shellcheck disable=SC2046 # numbers
  family $(grep -lsxz -e "$mark" -e "$mark/.*" -e "HOME=$run/.*" /proc/[0-9]*/environ | cut -d/ -f3)
  # Somebody of an outer namespace is 0 here, and to kill 0 is to kill ourselves.
  find /sys/fs/cgroup -path "*/${run##*/}*" -name cgroup.procs -exec cat {} + 2>/dev/null | grep -vx 0
}
containers() { # those of Docker and Podman that these processes belong to
  for pid; do ids "/proc/$pid/cgroup"; done | sort -u | grep -vxF "$here"
}
mounted() { awk -v below="$run/" 'index($5, below) == 1 { print $5 }' /proc/self/mountinfo; }
# In the background, so that nobody takes it for a child of the tests.
{
  cat <&3 >/dev/null
  groups=${run##*/}
  tries=0
  # Whether all could be read does not matter: a group may vanish while it is looked at.
  while pids=$(left); [ -n "$pids" ] && [ $tries -lt 100 ]; do
    # shellcheck disable=SC2086 # numbers
    groups="$groups $(containers $pids)"
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
  done
  for name in $groups; do
    find /sys/fs/cgroup -depth -type d -path "*[/-]$name*" -exec rmdir {} + 2>/dev/null
  done
  # A file system or a folder of the host may be mounted below it: never remove what is in there.
  mounted | sort -r | while read -r at; do umount --lazy "$at"; done
  still=$(mounted) && [ -z "$still" ] && rm -rf --one-file-system "$run"
} &
