//! The shim: everything lives in the library, where tests and rustdoc can reach it.
fn main() -> std::process::ExitCode {
    haguard::run(std::env::args_os())
}
