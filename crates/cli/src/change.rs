//! What all commands that change something share: the flags, the progress, and how they end.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use virtfn_apply::{
    ApplyError, Ended, InUse, Live, OnFailure, Options, Outcome, Progress, dry_run,
};
use virtfn_formats::policy::Edit;
use virtfn_host::{Function, Host, MacAddress, Policy, Role, VfId, VfIndex};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::{Action, Subject};
use virtfn_render::list::{List, Which};
use virtfn_render::plan::{PlanView, in_use, owners};
use virtfn_render::words::plain;

use crate::context::{Context, live_root};
use crate::error::Error;
use crate::exit::Exit;
use crate::keep::{self, Kept};

/// Where virtfn keeps its locks and journals; they go with the VFs at a reboot.
pub const STATE: &str = "/run/virtfn";
/// What takes longer tells what it is doing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a list shows.
const LISTED: [Facet; 5] =
    [Facet::Netdevs, Facet::Admin, Facet::Holders, Facet::Guests, Facet::Names];

/// Flags of every command that changes something.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Flags {
    /// Print the steps and whom they interrupt, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on although somebody uses what is taken away; they lose it
    #[arg(long)]
    force: bool,
    /// Write the change into the policy that declares the PF, too
    #[arg(long)]
    save: bool,
    /// Print one JSON document: the plan with --dry-run, else the functions as they are now
    #[arg(long)]
    json: bool,
}

/// A change: what it is about, how it is called where it is refused, and what shall be.
pub struct Change<'a, W> {
    /// The PF, or the function that is neither PF nor VF.
    pub about: Address,
    /// What stays as it is when the change is refused: `its VFs stay`.
    pub stays: &'a str,
    /// What the functions are that are shown in the end.
    pub shown: &'a dyn Fn(&Host, Address) -> bool,
    /// The policy, edited.
    pub wish: W,
    /// The same for the policy's file.
    pub edit: Edit,
}

/// This machine, and as much of it as it takes to understand what a person means.
///
/// # Errors
/// When it cannot be looked at.
pub fn look() -> Result<(SysRoot, Host), Error> {
    let root = live_root()?;
    let look = Look::at(&[Facet::Netdevs, Facet::Holders, Facet::Guests]);
    let host = virtfn_observe::host(&root, &look)?;
    Ok((root, host))
}

/// Makes the change, or shows its steps; `said` puts what came of it into a sentence.
///
/// # Errors
/// When it was refused, or failed.
pub fn make<W: Fn(&Host, Policy) -> Result<Policy, Error>>(
    root: &SysRoot,
    change: &Change<'_, W>,
    flags: Flags,
    context: &mut Context<'_>,
    said: impl FnOnce(&Host, usize) -> String,
) -> Result<Exit, Error> {
    let about = BTreeSet::from([Subject::Device(change.about)]);
    let notes = other_owners(root, change.about)?;
    let kept = Kept::read(root);
    let declared = std::cell::OnceCell::new();
    let wish = |host: &Host, policy: Policy| {
        let wished = (change.wish)(host, policy)?;
        if flags.save {
            let place = kept.place(host, change.about).ok_or(Error::Undeclared(change.about))?;
            // The same place each time that the wish is asked for.
            let _ = declared.set(place);
        } else if let Some(place) = kept.undoes(host, change.about, &wished) {
            return Err(Error::Declared { device: change.about, place });
        }
        Ok(wished)
    };
    if flags.dry_run {
        let parts = dry_run(root, &about, wish, STATE.as_ref())?;
        if let Some(error) = parts.iter().find_map(|part| part.plan.as_ref().err()) {
            return Err(ApplyError::from(error.clone()).into());
        }
        let view = PlanView::of_parts(&parts).with_notes(notes);
        if flags.json {
            context.out.document(&view)?;
        } else {
            let page = context.out.page();
            context.out.text(&view.text(page))?;
        }
        return Ok(Exit::Done);
    }
    for note in &notes {
        // A note that cannot be printed stops nothing.
        let _ = writeln!(std::io::stderr(), "note: {}", plain(note));
    }
    let outcome = run(root, &about, change, wish, flags, context)?;
    if let Some(place) = declared.get() {
        keep::save(place, &change.edit)?;
    }
    let list = listed(root, change.shown)?;
    if flags.json {
        context.out.document(&list)?;
    } else {
        let page = context.out.page();
        let sentence = said(&outcome.host, outcome.steps);
        context.out.text(&format!("{sentence}\n\n{}", list.text(page)))?;
    }
    Ok(Exit::Done)
}

/// Whose configuration lays down something else, or the same: two owners undo each other's work.
fn other_owners(root: &SysRoot, about: Address) -> Result<Vec<String>, Error> {
    let host = virtfn_observe::host(root, &Look::at(&[Facet::Netdevs, Facet::Claims]))?;
    let function = host.functions.get(&about);
    Ok(function.map(|function| owners(&host, function)).unwrap_or_default())
}

/// What is there now, of the functions that the change was about, as `virtfn list` sees it.
fn listed(root: &SysRoot, shown: &dyn Fn(&Host, Address) -> bool) -> Result<List, Error> {
    let host = virtfn_observe::host(root, &Look::at(&LISTED))?;
    let plain = |function: &Function| {
        matches!(function.role, Role::Plain) && shown(&host, function.address)
    };
    let which = if host.functions.values().any(plain) { Which::All } else { Which::Sriov };
    Ok(List::of(&host, which).only(|address| shown(&host, address)))
}

fn run<W>(
    root: &SysRoot,
    about: &BTreeSet<Subject>,
    change: &Change<'_, W>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, Error>,
    flags: Flags,
    context: &mut Context<'_>,
) -> Result<Outcome, Error> {
    let mut teller = Teller::start();
    let mut progress = |progress: Progress<'_>| teller.tell(&progress);
    let mut options = Options {
        state: PathBuf::from(STATE),
        in_use: if flags.force { InUse::Cut } else { InUse::Refuse },
        on_failure: OnFailure::Keep,
        progress: &mut progress,
    };
    let mut machine = Live::new(root, &mut *context.watch);
    let done = virtfn_apply::run(&mut machine, about, wish, &mut options);
    teller.clear();
    done.map_err(|error| match error {
        Error::Apply { error, .. } => {
            Error::Apply { object: change.about.short(), stays: change.stays.to_owned(), error }
        }
        other => other,
    })
}

impl From<ApplyError> for Error {
    fn from(error: ApplyError) -> Self {
        Self::Apply { object: String::new(), stays: String::new(), error }
    }
}

/// Tells how far a run is, on standard error: on a terminal in one line that is replaced, in a pipe a line
/// for what takes long, and for others one a second.
pub struct Teller {
    /// When it told something last, or began.
    told: Instant,
    terminal: bool,
}

impl Teller {
    /// Begins to count the time.
    #[must_use]
    pub fn start() -> Self {
        Self { told: Instant::now(), terminal: std::io::stderr().is_terminal() }
    }

    /// Tells it.
    pub fn tell(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Recovers(pf) => {
                self.line(&format!(
                    "{}: an earlier run was cut short here; putting right what it left",
                    pf.short()
                ));
            }
            Progress::Note(note) => self.line(note),
            Progress::Cuts(hit) => {
                for interrupted in *hit {
                    self.line(&format!("{}; it is taken away (--force)", in_use(interrupted)));
                }
            }
            Progress::RolledBack { subject, left: None } => {
                self.line(&format!("{}: put back to what it was", subject.short()));
            }
            Progress::RolledBack { subject, left: Some(left) } => {
                self.line(&format!("{}: could not be put back: {left}", subject.short()));
            }
            Progress::Hands { to, .. } => self.step(&format!("{to}: attach"), true),
            Progress::HandsBack { from, .. } => self.step(&format!("{from}: detach"), true),
            Progress::Ended { how: Ended::Done | Ended::Failed(_) | Ended::Skipped, .. } => {}
            Progress::Step { number, of, step } => {
                let text = format!("[{number}/{of}] {}", step.action);
                let long = matches!(step.action, Action::SetNumVfs { .. } | Action::Unbind { .. });
                self.step(&text, long);
            }
        }
    }

    /// What is done now. In a pipe it is told where it takes long, and now and then.
    fn step(&mut self, text: &str, long: bool) {
        if self.terminal {
            say(&format!("\r\x1b[K{}", plain(text)));
        } else if long || self.told.elapsed() > PATIENCE {
            self.told = Instant::now();
            say(&format!("{}\n", plain(text)));
        }
    }

    fn line(&self, text: &str) {
        self.clear();
        note(text);
    }

    /// Takes the last line away from a terminal.
    pub fn clear(&self) {
        if self.terminal {
            say("\r\x1b[K");
        }
    }
}

/// Says something beside what was asked for.
pub fn note(text: &str) {
    say(&format!("note: {}\n", plain(text)));
}

/// One write for all of it: hundreds of steps say something, and none of it is coloured. What cannot be
/// said stops nothing.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The stable address of a VF: from its PF's permanent one and its number.
///
/// # Errors
/// When the PF's address is not known.
pub fn derived_mac(host: &Host, vf: VfId) -> Result<MacAddress, Error> {
    let own = host.netdevs_of(vf.pf).find_map(|netdev| netdev.permanent_mac.or(netdev.mac));
    own.map(|mac| mac.derived(vf.index)).ok_or(Error::NoMac(vf))
}

/// Every VF number below `count`.
pub fn indexes(count: u16) -> impl Iterator<Item = VfIndex> {
    (0..count).map(VfIndex)
}

/// A PF and its VFs.
#[must_use]
pub fn of_pf(host: &Host, pf: Address, function: Address) -> bool {
    let vf = host.functions.get(&function).and_then(virtfn_host::Function::vf);
    function == pf || vf.is_some_and(|vf| vf.pf == pf)
}
