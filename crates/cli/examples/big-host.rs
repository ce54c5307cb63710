//! Writes a large made-up host as a recording in a folder, for tests and benchmarks.
//!
//! `cargo run -p virtfn-cli --example big-host -- DIR PFS`: each PF has 256 VFs, so that 2, 4 and 8
//! PFs make 514, 1,028 and 2,056 functions.

use std::process::ExitCode;

#[path = "../tests/support/big_host.rs"]
#[allow(unreachable_pub, reason = "tests share it")]
mod big_host;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(Ok(pfs))) = (args.next(), args.next().map(|text| text.parse())) else {
        says("usage: big-host DIR PFS");
        return ExitCode::from(2);
    };
    match big_host::write(folder.as_ref(), pfs) {
        Ok(()) => {
            says(&format!("{folder}: {} functions", usize::from(pfs) * big_host::FUNCTIONS_PER_PF))
        }
        Err(error) => {
            says(&format!("error: {folder}: cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn says(text: &str) -> ExitCode {
    use std::io::Write as _;
    match writeln!(std::io::stderr(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
