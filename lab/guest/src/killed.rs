//! virtfn, watched at the door to the kernel: its writes counted, or the program killed at one of
//! them as a power cut would, without a word.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rustix::process::{Signal, getpid, kill_process};
use virtfn_kernel::{Watch, Write};

/// Where the program dies.
#[derive(Args)]
pub(crate) struct KilledAt {
    /// Just before the write is made, or just after
    moment: Moment,
    /// Which write, from 1
    write: u32,
    /// virtfn's arguments
    #[arg(last = true, required = true)]
    virtfn: Vec<OsString>,
}

/// What is counted.
#[derive(Args)]
pub(crate) struct Counted {
    /// virtfn's arguments
    #[arg(last = true, required = true)]
    virtfn: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Moment {
    Before,
    After,
}

/// Runs virtfn and kills it at one write; it ends by itself when it makes fewer.
pub(crate) fn kill(arguments: KilledAt) -> ExitCode {
    let mut killer = Killer { moment: arguments.moment, left: arguments.write };
    virtfn_cli::run(command_line(arguments.virtfn), &mut killer)
}

/// Runs virtfn, and prints on standard error how many writes it made.
pub(crate) fn count(arguments: Counted) -> ExitCode {
    let mut counter = Counter(0);
    let code = virtfn_cli::run(command_line(arguments.virtfn), &mut counter);
    eprintln!("writes: {}", counter.0);
    code
}

fn command_line(arguments: Vec<OsString>) -> impl Iterator<Item = OsString> {
    std::iter::once("virtfn".into()).chain(arguments)
}

struct Killer {
    moment: Moment,
    left: u32,
}

impl Killer {
    fn pass(&self, moment: Moment) {
        if moment == self.moment && self.left == 0 {
            // Nothing can be done about a signal that does not arrive, and it always does.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

impl Watch for Killer {
    fn before(&mut self, _: &Write) {
        self.left = self.left.wrapping_sub(1);
        self.pass(Moment::Before);
    }

    fn after(&mut self, _: &Write) {
        self.pass(Moment::After);
    }
}

struct Counter(u32);

impl Watch for Counter {
    fn before(&mut self, _: &Write) {
        self.0 += 1;
    }

    fn after(&mut self, _: &Write) {}
}
