//! `virtfn apply`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use virtfn_apply::{Ended, InUse, Live, OnFailure, Options, Progress};
use virtfn_host::{Host, Policy};
use virtfn_plan::Step;
use virtfn_render::apply::{ApplyView, StepResult};
use virtfn_render::words::count;

use crate::change::{STATE, Teller};
use crate::context::{Context, live_root, resolve};
use crate::declared::Wanted;
use crate::error::Error;
use crate::exit::Exit;

/// Between two looks for a device that is still to come.
const PAUSE: Duration = Duration::from_millis(100);
/// Nobody waits longer for a device.
const MOST_SECONDS: u64 = 3600;

/// Arguments of `virtfn apply`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn apply -f policy.yaml --dry-run     what would be done, and who would lose what
  virtfn apply -f policy.yaml               make it so
  virtfn apply                              the policy in /etc/virtfn, as at every start

What the policy does not name stays as it is. Applied again, it writes nothing. Killed in between,
the next apply ends in the same state. `virtfn plan --help` shows a policy file.

Refused (exit 3), with nothing changed, while anybody uses a VF that would be taken away, and while
another program's configuration lays down what these devices shall be. A device some of whose steps
fail is put back to what it was; the others get what they shall have, and the exit code is 1.")]
pub struct Args {
    /// The policy; `-` for standard input [default: /etc/virtfn/policy.yaml and policy.d/*.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// This device alone; one that the policy does not declare is left as it is
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Wait as long for declared devices and their drivers, as at a machine's start
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Print the steps and whom they interrupt, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on although somebody uses what is taken away, or another program owns a device
    #[arg(long)]
    force: bool,
    /// Print one JSON document: the plan with --dry-run, else each step and how it ended
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = live_root()?;
    let mut wanted = Wanted::read(&root, args.file.as_deref())?;
    let deadline = Instant::now() + Duration::from_secs(args.wait.min(MOST_SECONDS));
    while Instant::now() < deadline && !wanted.is_complete(&root)? {
        std::thread::sleep(PAUSE);
        wanted = Wanted::read(&root, args.file.as_deref())?;
    }
    if let Some(device) = &args.device {
        wanted.narrow(resolve(&root, device)?);
        if wanted.about.is_empty() {
            context.out.text(&format!("{device} is not declared; nothing was to do.\n"))?;
            return Ok(Exit::Done);
        }
    }
    if args.dry_run {
        let view = wanted.plan(&root)?;
        let done = if view.problems.is_empty() { Exit::Done } else { Exit::Failed };
        if args.json {
            context.out.document(&view)?;
        } else {
            let page = context.out.page();
            context.out.text(&view.text(page))?;
        }
        return Ok(done);
    }
    if !args.force && !wanted.owners.is_empty() {
        return Err(Error::Owned(wanted.owners));
    }
    let mut teller = Teller::start();
    let mut view = ApplyView::default();
    let mut progress = |progress: Progress<'_>| {
        teller.tell(&progress);
        match progress {
            Progress::Ended { step, how } => ended(&mut view, step, how),
            Progress::RolledBack { subject, left } => view.rolled_back(subject, left),
            _ => {}
        }
    };
    let mut options = Options {
        state: PathBuf::from(STATE),
        in_use: if args.force { InUse::Cut } else { InUse::Refuse },
        on_failure: OnFailure::RollBack,
        progress: &mut progress,
    };
    let wish = |host: &Host, now: Policy| wanted.wish(host, &now);
    let mut machine = Live::new(&root, &mut *context.watch);
    let ran = virtfn_apply::run(&mut machine, &wanted.about, wish, &mut options);
    teller.clear();
    wanted.lent().iter().for_each(|note| crate::change::note(note));
    let steps = view.steps.len();
    if args.json && !matches!(&ran, Err(error) if error.exit() == Exit::Refused) {
        let error = ran.as_ref().err().map(ToString::to_string);
        view.problems = wanted.unmatched.iter().cloned().chain(error).collect();
        context.out.document(&view)?;
    }
    ran?;
    if !args.json {
        let devices = count(wanted.about.len(), "device", "devices");
        context.out.text(&match steps {
            0 => format!("{devices} as declared already; nothing was to do.\n"),
            steps => {
                format!("{devices} as declared: {}, read back.\n", count(steps, "step", "steps"))
            }
        })?;
    }
    if wanted.unmatched.is_empty() {
        Ok(Exit::Done)
    } else {
        Err(Error::Unmatched(wanted.unmatched))
    }
}

fn ended(view: &mut ApplyView, step: &Step, how: Ended<'_>) {
    match how {
        Ended::Done => view.ended(step, StepResult::Done, None),
        Ended::Failed(failed) => {
            view.ended(step, StepResult::Failed, Some(failed.cause.to_string()));
        }
        Ended::Skipped => view.ended(step, StepResult::Skipped, None),
    }
}
