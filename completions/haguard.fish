# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_haguard_global_optspecs
    string join \n config= o/output= color= no-input timeout= master-socket= stats-socket= v/verbose h/help V/version
end

function __fish_haguard_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_haguard_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_haguard_using_subcommand
    set -l cmd (__fish_haguard_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c haguard -n "__fish_haguard_needs_command" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_needs_command" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_needs_command" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_needs_command" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_needs_command" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_needs_command" -s V -l version -d 'Print the version'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "inspect" -d 'Show what runs here, who controls it and its runtime-only state'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "check" -d 'Run the preflight checks'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "explain" -d 'Explain a check, a kind of loss, an exit code or a command'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "rehearse" -d 'Start the next worker in a sealed copy of this host and show how it differs'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "restart" -d 'Refuse to restart HAProxy and show what would be lost; --break-glass restarts'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "reload" -d 'Reload HAProxy: show a plan, ask, reload, verify the new worker'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "confirm" -d 'Keep a reload that --confirm-within would undo, or list those that wait'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "guard" -d 'Make systemd refuse a manual restart, or show whether it does'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "history" -d 'Show the journal: every attempted change, refusals included'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "config" -d 'Show the configuration in use'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l facts -d 'Judge a snapshot that `inspect -o json` wrote, instead of this host' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l losses -d 'Show only what a reload or restart would lose, a line for each object'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l routes -d 'Show where requests go: host name, backend, servers and their health'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l save -d 'Write the proven controller of each service to haguard.toml, as [[pin]]'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand check" -l for -d 'Run the checks that this operation requires before it starts, rehearsal included' -r -f -a "reload\t'`haguard reload`'
restart\t'`haguard restart --break-glass`, the emergency path; `break-glass` is the same'
rehearse\t'`haguard rehearse`'
guard\t'`haguard guard install`'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l wait -d 'Repeat until nothing fails and everything is known, for at most this time, such as 30s' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l ignore -d 'Report a failure of this check as a warning; may be repeated. Never arch.*, guard.* or what an operation needs' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l reason -d 'Why it is ignored; shown with the finding and written to the journal' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -l list -d 'List the checks without running them'
complete -c haguard -n "__fish_haguard_using_subcommand check" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand check" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand check" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l config-file -d 'Try this file instead of those the master was started with; may be repeated' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l exit-code -d 'Exit with 4 when the next worker would differ from the running one'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l break-glass -d 'Restart HAProxy after all; HOST is the name of this host, typed out' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l reason -d 'Why HAProxy must be restarted; it is written to the journal' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l approve -d 'Apply the plan with this id, unless state changed since it was made' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l plan -d 'Show the plan and the command that applies it; change nothing'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l approve -d 'Apply the plan with this id, unless state changed since it was made' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l confirm-within -d 'Undo the reload unless `haguard confirm` comes within this time, such as 90s' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l previous -d 'File as the serving worker loaded it, where haguard has no copy; once for each file, in their order' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l plan -d 'Show the plan and the command that applies it; change nothing'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l keep-runtime -d 'Put runtime-only state back: server states, weights, addresses, servers, map and ACL entries, certificates'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "status" -d 'Show whether systemd refuses a manual restart, and what bypasses the guard'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "install" -d 'Write the one-line drop-in: show a plan, ask, write, verify'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "remove" -d 'Remove the drop-in: show a plan, ask, remove, verify'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l approve -d 'Apply the plan with this id, unless state changed since it was made' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l plan -d 'Show the plan and the command that applies it; change nothing'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l approve -d 'Apply the plan with this id, unless state changed since it was made' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l plan -d 'Show the plan and the command that applies it; change nothing'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show whether systemd refuses a manual restart, and what bypasses the guard'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "install" -d 'Write the one-line drop-in: show a plan, ask, write, verify'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove the drop-in: show a plan, ask, remove, verify'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s n -l last -d 'Show this many of the newest entries' -r
complete -c haguard -n "__fish_haguard_using_subcommand history" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand history" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand history" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand history" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print each value in use'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Print where each value came from'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print each value in use'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l config -d 'Read this configuration file instead of /etc/haguard/haguard.toml' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s o -l output -d 'Output format; only check and inspect have more than text and json' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'Only what is not ok (check)'
junit\t'JUnit report for CI (check)'
github\t'GitHub Actions annotations (check)'
nagios\t'Output and exit status of a Nagios plugin (check)'
markdown\t'A DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Also into a pipe or a file'
never\t'Never, not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l timeout -d 'Stop gathering facts after this time (default: 10s)' -r
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l master-socket -d 'Master socket (haproxy -S) of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l stats-socket -d 'Stats socket of the HAProxy to work on' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s v -l verbose -d 'Log every query to stderr; -vv logs every step'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s h -l help -d 'Print help; -h prints a summary'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "inspect" -d 'Show what runs here, who controls it and its runtime-only state'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "check" -d 'Run the preflight checks'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "explain" -d 'Explain a check, a kind of loss, an exit code or a command'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "rehearse" -d 'Start the next worker in a sealed copy of this host and show how it differs'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "restart" -d 'Refuse to restart HAProxy and show what would be lost; --break-glass restarts'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "reload" -d 'Reload HAProxy: show a plan, ask, reload, verify the new worker'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "confirm" -d 'Keep a reload that --confirm-within would undo, or list those that wait'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "guard" -d 'Make systemd refuse a manual restart, or show whether it does'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "history" -d 'Show the journal: every attempted change, refusals included'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "config" -d 'Show the configuration in use'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "status" -d 'Show whether systemd refuses a manual restart, and what bypasses the guard'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "install" -d 'Write the one-line drop-in: show a plan, ask, write, verify'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "remove" -d 'Remove the drop-in: show a plan, ask, remove, verify'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print each value in use'
