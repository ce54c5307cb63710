//! `virtfn adopt`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use virtfn_apply::{FileChange, change_files};
use virtfn_formats::adopt::{self, BACKUP, Left};
use virtfn_formats::exchange::{self, FORMATS, Machine, Terms};
use virtfn_formats::{File, MAX_FILE_BYTES, SOURCES, policy};
use virtfn_host::{
    Applies, Claim, Declared, DeclaredPf, Demand, Function, Host, Matching, Owner, Seen, VfCount,
};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::Matched;
use virtfn_render::exchange::{AdoptView, AdoptedClaim, ChangedFile, Told};

use crate::change::STATE;
use crate::context::{Context, open_root};
use crate::declared::Wanted;
use crate::error::Error;
use crate::exchange::{installed, machine_of, told};
use crate::exit::Exit;

/// Arguments of `virtfn adopt`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn adopt eth0 --dry-run      who else lays down its VFs, and what would change in which file
  virtfn adopt eth0                take them over
  virtfn adopt eth0 eth1           both ports, where one file is about both

What the others lay down comes into /etc/virtfn/policy.yaml, unless that declares the PF already, and
goes out of their files; each is kept beside as NAME.virtfn-saved~, which no program reads. The
machine itself stays as it is: virtfn apply makes it what the policy says.

Refused (exit 3), with nothing changed, where something cannot be taken out of a file without doubt.
Killed in between, the same command once more ends in the same state.")]
pub struct Args {
    /// The physical functions
    #[arg(value_name = "PF", required = true)]
    pfs: Vec<String>,
    /// Show what would change, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Look at a recorded host instead of this one
    #[arg(long, value_name = "DIR|RECORDING", requires = "dry_run")]
    root: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

const POLICY: &str = "etc/virtfn/policy.yaml";
/// Where packages put files, which they write anew.
const PACKAGED: [&str; 3] = ["usr/lib/", "usr/share/", "lib/"];

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let root = open_root(args.root.as_deref())?;
    let facets = [
        Facet::Netdevs,
        Facet::Claims,
        Facet::Config,
        Facet::Details,
        Facet::Modules,
        Facet::Admin,
        Facet::Devlink,
        Facet::Locked,
    ];
    let host = virtfn_observe::host(&root, &Look::at(&facets))?;
    let mut pfs = BTreeSet::new();
    for name in &args.pfs {
        let address = host.resolve(name)?;
        host.pf(address)?;
        pfs.insert(address);
    }
    let mut adoption = Adoption::of(&root, &host, pfs)?;
    adoption.release();
    adoption.declare()?;
    let refused = !adoption.view.problems.is_empty();
    if !refused && !args.dry_run {
        change_files(STATE.as_ref(), adoption.pfs.iter().copied(), &adoption.changes).map_err(
            |error| Error::Apply {
                object: adoption.view.pf.clone(),
                stays: "it stays as it is".into(),
                error,
            },
        )?;
        adoption.view.done = true;
    }
    if args.json {
        context.out.document(&adoption.view)?;
    } else if args.dry_run || !refused {
        let page = context.out.page();
        context.out.text(&adoption.view.text(page))?;
    }
    match (refused, args.json) {
        (true, false) => Err(Error::CannotAdopt(adoption.view.problems)),
        (true, true) => Ok(Exit::Refused),
        (false, _) => Ok(Exit::Done),
    }
}

/// What is adopted, as it takes shape.
struct Adoption<'a> {
    root: &'a SysRoot,
    host: &'a Host,
    machine: Machine,
    pfs: BTreeSet<Address>,
    /// What the machine's policy declares already.
    declared: Declared,
    /// What others lay down, file by file.
    claims: BTreeMap<(Owner, String), Vec<&'a Claim>>,
    changes: Vec<FileChange>,
    view: AdoptView,
}

impl<'a> Adoption<'a> {
    fn of(root: &'a SysRoot, host: &'a Host, pfs: BTreeSet<Address>) -> Result<Self, Error> {
        let names: Vec<String> = pfs.iter().map(ToString::to_string).collect();
        let mut adoption = Self {
            root,
            host,
            machine: machine_of(root, host),
            declared: crate::policy::installed(root)?.unwrap_or_default(),
            claims: BTreeMap::new(),
            changes: Vec::new(),
            view: AdoptView::new(&names.join(", ")),
            pfs,
        };
        adoption.find();
        Ok(adoption)
    }

    /// The claims of others on these PFs, and on the drivers of their VFs.
    fn find(&mut self) {
        let host = self.host;
        let Seen::Known(claims) = &host.claims else {
            let why = "the configuration of other owners cannot be seen";
            self.view.problems.push(why.to_owned());
            return;
        };
        for claim in &claims.found {
            let ours = claim.owner == Owner::Virtfn;
            if ours || matches!(claim.what, Demand::Guest(_) | Demand::Apply) {
                continue;
            }
            match self.functions().map(|function| claim.applies(host, function)).max() {
                Some(Applies::Yes) => {}
                Some(Applies::Perhaps) => {
                    let what = format!(
                        "{} lays down {}, for devices that cannot be told from outside: it stays",
                        claim.owner, claim.what
                    );
                    self.view.lost.push(Told {
                        path: Some(claim.path.clone()),
                        line: claim.line,
                        what,
                    });
                    continue;
                }
                _ => continue,
            }
            self.view.owners.push(AdoptedClaim {
                owner: claim.owner.to_string(),
                path: claim.path.clone(),
                line: claim.line,
                what: claim.what.to_string(),
            });
            self.claims.entry((claim.owner, claim.path.clone())).or_default().push(claim);
        }
        for unseen in &claims.unseen {
            let what = format!("not read, and may lay down more: {}", unseen.why);
            self.view.lost.push(Told { path: Some(unseen.path.clone()), line: None, what });
        }
    }

    /// The PFs and their VFs.
    fn functions(&self) -> impl Iterator<Item = &'a Function> {
        let host = self.host;
        let pfs: Vec<Address> = self.pfs.iter().copied().collect();
        pfs.into_iter()
            .flat_map(move |pf| {
                let vfs = host.pf(pf).map(|(_, pf)| pf.vfs.values().copied().collect::<Vec<_>>());
                std::iter::once(pf).chain(vfs.unwrap_or_default())
            })
            .filter_map(move |address| host.functions.get(&address))
    }

    /// Takes what others lay down out of their files.
    fn release(&mut self) {
        for ((owner, path), claims) in self.claims.clone() {
            if let Err(why) = self.release_file(owner, &path, &claims) {
                self.view.problems.push(format!("/{path}: {why}"));
            }
        }
    }

    fn release_file(&mut self, owner: Owner, path: &str, claims: &[&Claim]) -> Result<(), String> {
        if PACKAGED.iter().any(|folder| path.starts_with(folder)) {
            return Err(
                "it is a package's: a file of the same name below /etc takes its place".into()
            );
        }
        if let Some(other) = claims.iter().find_map(|claim| self.hit_too(claim)) {
            return Err(format!(
                "it is about {other} too: adopt both in one command",
                other = other.short()
            ));
        }
        let text = match self.root.peek(path, MAX_FILE_BYTES) {
            Seen::Known(text) => text,
            Seen::Absent => return Err("it is gone".into()),
            Seen::Unreadable(unreadable) => return Err(unreadable.why.to_string()),
        };
        let after = match adopt::release(owner, &text, claims)? {
            Left::Text(after) => Some(after),
            Left::Nothing => None,
        };
        if after.as_deref().is_some_and(|after| self.still_claims(owner, path, after)) {
            return Err("its layout hides what it lays down: take it out by hand".into());
        }
        let backup = format!("/{path}{BACKUP}");
        let shown = after.clone().unwrap_or_default();
        let full = format!("/{path}");
        self.view.files.push(ChangedFile::of(&full, Some(backup.clone()), &text, &shown));
        self.changes.push(FileChange {
            path: full.into(),
            before: Some(text),
            after,
            backup: Some(backup.into()),
        });
        Ok(())
    }

    /// A PF that a claim is about too, and that nobody would look after then.
    fn hit_too(&self, claim: &Claim) -> Option<Address> {
        let matched = Matched::of(self.host, &self.declared);
        let others = self.host.pfs().filter(|(function, _)| {
            !self.pfs.contains(&function.address) && !matched.pfs.contains_key(&function.address)
        });
        others
            .map(|(function, _)| function)
            .find(|function| claim.applies(self.host, function) == Applies::Yes)
            .map(|function| function.address)
    }

    fn still_claims(&self, owner: Owner, path: &str, text: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        let sources = SOURCES.iter().filter(|source| source.owner == owner && source.wants(name));
        let claims = sources.flat_map(|source| (source.read)(&[File { path, text }]).claims);
        let claims: Vec<Claim> = claims.collect();
        let hit = |function: &Function| {
            claims.iter().any(|claim| claim.applies(self.host, function) == Applies::Yes)
        };
        self.functions().any(hit)
    }

    /// Puts what they laid down into the policy, before it goes out of their files.
    fn declare(&mut self) -> Result<(), Error> {
        if self.claims.is_empty() {
            return Ok(());
        }
        let entries = self.entries();
        let before = match self.root.peek(POLICY, MAX_FILE_BYTES) {
            Seen::Known(text) => Some(text),
            Seen::Absent => None,
            Seen::Unreadable(unreadable) => return Err(Error::PolicyUnseen(unreadable)),
        };
        let mut after = before.clone();
        for entry in &entries {
            match adopt::declare(after.as_deref(), entry) {
                Ok(text) => after = Some(text),
                Err(why) => {
                    self.view.problems.push(format!("/{POLICY}: {why}"));
                    return Ok(());
                }
            }
        }
        let mut whole = self.declared.clone();
        whole.pfs.extend(entries.iter().cloned());
        let wanted = Wanted::of(self.root, whole)?;
        self.view.steps = wanted.plan(self.root)?.steps;
        self.view.policy = policy::write(&Declared { pfs: entries, ..Declared::default() });
        if let Some(text) = after.filter(|after| Some(after) != before.as_ref()) {
            let full = format!("/{POLICY}");
            let old = before.clone().unwrap_or_default();
            self.view.files.insert(0, ChangedFile::of(&full, None, &old, &text));
            // The policy first: at no time has a PF nobody.
            let change = FileChange { path: full.into(), before, after: Some(text), backup: None };
            self.changes.insert(0, change);
        }
        Ok(())
    }

    /// The entries that the policy lacks: as the others' files say, else as the machine is.
    fn entries(&mut self) -> Vec<DeclaredPf> {
        let matched = Matched::of(self.host, &self.declared);
        let missing: Vec<Address> =
            self.pfs.iter().copied().filter(|pf| !matched.pfs.contains_key(pf)).collect();
        let imported = self.import();
        let mut entries = Vec::new();
        for pf in missing {
            let live = Declared::of(self.host, self.host.pf(pf).into_iter()).pfs.remove(0);
            let said: Vec<&DeclaredPf> =
                imported.iter().filter(|entry| self.means(&entry.matching, pf)).collect();
            let vfs = self.number(pf, &live, &said);
            entries.push(match exchange::joined(&said, vfs) {
                Some(said) => DeclaredPf { matching: live.matching, ..said },
                None => live,
            });
        }
        entries
    }

    /// How many VFs the policy's entry has: of what the others lay down that which the machine has,
    /// else the first. Who lays down another number is told.
    fn number(&mut self, pf: Address, live: &DeclaredPf, said: &[&DeclaredPf]) -> u16 {
        let host = self.host;
        let Some(function) = host.functions.get(&pf) else { return live.vfs };
        let all = self.claims.values().flatten();
        let claimed: Vec<(&Claim, u16)> = all
            .filter(|claim| claim.applies(host, function) == Applies::Yes)
            .filter_map(|claim| match claim.what {
                Demand::Vfs(VfCount::Exactly(vfs)) => Some((*claim, u16::try_from(vfs).ok()?)),
                _ => None,
            })
            .collect();
        let now = claimed.iter().find(|(_, vfs)| *vfs == live.vfs);
        let vfs = match now.or(claimed.first()) {
            Some((_, vfs)) => *vfs,
            None => said.iter().map(|entry| entry.vfs).max().unwrap_or(live.vfs),
        };
        for (claim, _) in claimed.iter().filter(|(_, other)| *other != vfs) {
            let what = format!("{} lays down {}: the policy has {vfs}", claim.owner, claim.what);
            self.view.lost.push(Told { path: Some(claim.path.clone()), line: claim.line, what });
        }
        vfs
    }

    fn means(&self, matching: &Matching, pf: Address) -> bool {
        self.machine.meant(matching).any(|known| known.names.pci == Some(pf))
    }

    /// What the files of the owners say, as entries of a policy.
    fn import(&mut self) -> Vec<DeclaredPf> {
        let owners: BTreeSet<Owner> = self.claims.keys().map(|(owner, _)| *owner).collect();
        let mut entries = Vec::new();
        for format in
            FORMATS.iter().filter(|format| format.owner.is_some_and(|one| owners.contains(&one)))
        {
            let (texts, _) = installed(self.root, format);
            let files: Vec<File<'_>> =
                texts.iter().map(|(path, text)| File { path, text }).collect();
            let terms = Terms { machine: Some(&self.machine), version: None };
            let imported = exchange::import(format, &files, &terms);
            // What is lost of other files is nothing to this PF.
            let about = |lost: &&exchange::Lost| {
                self.claims.keys().any(|(_, path)| *path == lost.place.path)
            };
            let lost: Vec<_> =
                imported.lost.iter().chain(&imported.faults).filter(about).cloned().collect();
            self.view.lost.extend(told(&lost));
            entries.extend(imported.declared.pfs);
        }
        entries
    }
}
