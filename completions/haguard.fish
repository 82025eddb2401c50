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

complete -c haguard -n "__fish_haguard_needs_command" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_needs_command" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_needs_command" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_needs_command" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_needs_command" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_needs_command" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_needs_command" -s V -l version -d 'Print version'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "inspect" -d 'Show what runs here, which files it uses and what only memory holds'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "check" -d 'Run the preflight checks'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "explain" -d 'Explain a check, a kind of loss, a refusal or the exit codes'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "rehearse" -d 'Try out the next worker in a sealed copy of this host, and show how it differs'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "restart" -d 'Refuse to restart HAProxy, and say what that would destroy; --break-glass does it'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "reload" -d 'Reload HAProxy: show the plan, ask, do it, prove it'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "confirm" -d 'Let a reload stay that --confirm-within would undo, or list those that wait'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "guard" -d 'Make systemd itself refuse a restart by hand, or see whether it does'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "history" -d 'Show the journal: what was attempted, refusals included'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "config" -d 'Show the configuration in force'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c haguard -n "__fish_haguard_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l facts -d 'Judge a snapshot that `inspect -o json` wrote, instead of this host' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l losses -d 'Show the loss ledger alone, a line for each object'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l routes -d 'Show where requests go: host name, backend, servers with their health'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l save -d 'Pin who controls each service, where that is proven, in haguard.toml: later looks compare'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand check" -l for -d 'Run what this operation wants before it begins; it rehearses where the operation does' -r -f -a "reload\t'`haguard reload`'
restart\t'`haguard restart --break-glass`, the emergency path; `break-glass` is the same'
rehearse\t'`haguard rehearse`'
guard\t'`haguard guard install`'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l wait -d 'Look again until nothing fails and everything is known, for at most this long, such as 30s' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l ignore -d 'Make what this check finds a warning at most; once for each check. Never arch.*, guard.* or an operation\'s own' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l reason -d 'Why it is ignored; it is shown, and written into the journal' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand check" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand check" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand check" -l list -d 'List the checks instead of running them'
complete -c haguard -n "__fish_haguard_using_subcommand check" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand check" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand explain" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l config-file -d 'Try this file in place of those the master was started with; more than once for several' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l exit-code -d 'Exit with 4 when the next worker would differ from the one that runs'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand rehearse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l break-glass -d 'Restart it all the same: the name of this host, typed out' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l reason -d 'Why it has to be restarted; the journal keeps it' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l approve -d 'Apply the plan with this id, if it is still the plan of now' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l plan -d 'Show the plan and the command that applies it; do nothing'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l approve -d 'Apply the plan with this id, if it is still the plan of now' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l confirm-within -d 'Go back to the configuration of before unless `haguard confirm` comes within this time, such as 90s' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l previous -d 'What the worker that serves has loaded, where haguard has no copy: once for each file, in their order' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l plan -d 'Show the plan and the command that applies it; do nothing'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l keep-runtime -d 'Put back what only memory holds: states, weights, addresses, servers, map and ACL entries, certificates'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "status" -d 'Say whether systemd refuses a restart by hand, and what it does not keep off'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "install" -d 'Write the one-line drop-in: show the plan, ask, do it, prove it'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "remove" -d 'Take the drop-in away, so that all is as before it'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and not __fish_seen_subcommand_from status install remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l approve -d 'Apply the plan with this id, if it is still the plan of now' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l plan -d 'Show the plan and the command that applies it; do nothing'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l approve -d 'Apply the plan with this id, if it is still the plan of now' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l plan -d 'Show the plan and the command that applies it; do nothing'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "status" -d 'Say whether systemd refuses a restart by hand, and what it does not keep off'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "install" -d 'Write the one-line drop-in: show the plan, ask, do it, prove it'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take the drop-in away, so that all is as before it'
complete -c haguard -n "__fish_haguard_using_subcommand guard; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s n -l last -d 'Show this many of the newest entries' -r
complete -c haguard -n "__fish_haguard_using_subcommand history" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand history" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand history" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand history" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand history" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print each value that is in force'
complete -c haguard -n "__fish_haguard_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Print where each value came from'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print each value that is in force'
complete -c haguard -n "__fish_haguard_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l config -d 'Read this configuration file' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s o -l output -d 'Print as text or as one JSON document; check and inspect have more' -r -f -a "text\t'For people'
json\t'For programs: schema haguard/1'
short\t'For people in a hurry: only what is not ok (check)'
junit\t'For CI: a JUnit report (check)'
github\t'For CI: annotations of GitHub Actions (check)'
nagios\t'For monitoring: a Nagios plugin\'s answer and status (check)'
markdown\t'For whoever comes later: a DEPLOYMENT.md (inspect)'"
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l color -d 'Use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Even into a pipe or a file'
never\t'Not even on a terminal'"
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l timeout -d 'Give up looking after this long, such as 10s' -r
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l master-socket -d 'Master socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l stats-socket -d 'Admin socket of the HAProxy that is meant' -r -F
complete -c haguard -n "__fish_haguard_using_subcommand completions" -l no-input -d 'Never ask a question'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s v -l verbose -d 'Say what is asked of whom, on stderr; twice for more'
complete -c haguard -n "__fish_haguard_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "inspect" -d 'Show what runs here, which files it uses and what only memory holds'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "check" -d 'Run the preflight checks'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "explain" -d 'Explain a check, a kind of loss, a refusal or the exit codes'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "rehearse" -d 'Try out the next worker in a sealed copy of this host, and show how it differs'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "restart" -d 'Refuse to restart HAProxy, and say what that would destroy; --break-glass does it'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "reload" -d 'Reload HAProxy: show the plan, ask, do it, prove it'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "confirm" -d 'Let a reload stay that --confirm-within would undo, or list those that wait'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "guard" -d 'Make systemd itself refuse a restart by hand, or see whether it does'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "history" -d 'Show the journal: what was attempted, refusals included'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "config" -d 'Show the configuration in force'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c haguard -n "__fish_haguard_using_subcommand help; and not __fish_seen_subcommand_from inspect check explain rehearse restart reload confirm guard history config completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "status" -d 'Say whether systemd refuses a restart by hand, and what it does not keep off'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "install" -d 'Write the one-line drop-in: show the plan, ask, do it, prove it'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from guard" -f -a "remove" -d 'Take the drop-in away, so that all is as before it'
complete -c haguard -n "__fish_haguard_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print each value that is in force'
