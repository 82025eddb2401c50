//! Child processes: programs with a deadline, and haguard's own program as a helper.
//!
//! | module | what it does |
//! |---|---|
//! | `as_user` | executes a program as another user |
//! | `background` | a helper that outlives its parent (the rollback timer) |
//! | `command` | runs a program to its end, with a deadline |
//! | `helper_process` | the parent's end of a helper that answers in lines |
//! | `helper_request` | every request that a helper can be started with |
//! | `in_namespaces` | runs programs and resolves names in the namespaces of a process |
//! | `replacement` | a program that takes the place of another process |
//! | `spawn` | creates every `Command` |

mod as_user;
pub mod background;
pub mod command;
pub(super) mod helper_process;
pub(super) mod helper_request;
pub mod in_namespaces;
pub mod replacement;
pub(super) mod spawn;

use std::ffi::OsString;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::sandbox::stages;
use helper_request::HelperRequest;

/// Names haguard's program, for a process that uses this library and is another program: helpers are started with it.
/// Without it such a process would start itself. The first call counts.
pub fn use_program(path: PathBuf) {
    let _ = spawn::OTHER_PROGRAM.set(path);
}

/// Runs a helper where this process was started as one; nothing otherwise.
pub fn dispatch(args: &[OsString]) -> Option<ExitCode> {
    let is_helper = args.first().is_some_and(|name| name == spawn::HELPER_ARGV0);
    is_helper.then(|| HelperRequest::receive().map_or_else(|error| failed(&error, 1), run_helper))
}

fn run_helper(request: HelperRequest) -> ExitCode {
    let status = |result: Result<ExitCode>, on_error| result.unwrap_or_else(|error| failed(&error, on_error));
    match request {
        HelperRequest::ExecAsUser(account, spec) => {
            let result = as_user::exec_program(&account, &spec);
            status(result.map(|()| ExitCode::SUCCESS), as_user::EXIT_CANNOT_EXEC)
        }
        HelperRequest::RunInNamespaces(place, spec) => {
            status(in_namespaces::run_here(&place, &spec), in_namespaces::EXIT_FAILED)
        }
        HelperRequest::ResolveInNamespaces(place, names) => {
            status(in_namespaces::resolve_here(&place, names), in_namespaces::EXIT_FAILED)
        }
        HelperRequest::Detach => replacement::detach_from_parent(),
        HelperRequest::Replace(spec) => replacement::run(&spec),
        HelperRequest::SandboxStage => stages::run(stages::run_first_stage()),
        HelperRequest::SandboxInit(spec) => stages::run(stages::run_init_stage(&spec)),
    }
}

/// The parent shows what a helper writes to stderr.
fn failed(error: &anyhow::Error, status: u8) -> ExitCode {
    let _ = writeln!(stderr(), "{error:#}");
    ExitCode::from(status)
}
