//! The `virtfn` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    virtfn_cli::run(std::env::args_os(), &mut virtfn_cli::Silent)
}
