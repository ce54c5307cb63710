//! `--dry-run` and `virtfn plan`: the steps, and whom they hit.

use serde::Serialize;
use virtfn_host::{Applies, Claim, Demand, Function, Host, Owner, Seen};
use virtfn_plan::{Interrupted, Part, Plan, Step, Use};

use crate::paint::Tone;
use crate::words::{count, plain};
use crate::{Document, Page};

/// `virtfn.plan/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanView {
    schema: &'static str,
    /// The steps, in the order in which they would run.
    pub steps: Vec<PlannedStep>,
    /// What may come in the way, what will not be as one would wish, and who else lays down what
    /// these devices shall be: a sentence each.
    pub notes: Vec<String>,
    /// What of a policy cannot be had, a sentence each.
    pub problems: Vec<String>,
}

impl Document for PlanView {
    const SCHEMA: &'static str = "virtfn.plan/1";
}

/// One step.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedStep {
    /// The PF that it belongs to; `null` for a module or a function that is no VF.
    pub pf: Option<String>,
    /// What it does: `set-numvfs`, `set-autoprobe`, `set-eswitch`, `set-firmware`, `set-group`,
    /// `set-port`, `set-vf`, `set-msix`, `set-netdev`, `set-hugepages`, `set-driver-override`, `unbind`, `probe`, `load-module`.
    pub action: &'static str,
    /// What it is done to.
    pub object: String,
    /// What is there; `null` where nothing is, or where it is not reported.
    pub from: Option<String>,
    /// What shall be there; `null` for nothing.
    pub to: Option<String>,
    /// Who loses a function by it.
    pub interrupts: Vec<Interrupt>,
    /// The step as a sentence.
    pub summary: String,
}

/// Somebody who loses a function.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interrupt {
    /// The function's full address.
    pub function: String,
    /// `process`, `unseen`, `netdev`, `netns`; `unknown` where it could not be seen.
    pub kind: String,
    /// Who.
    pub name: Option<String>,
    /// The process's number, where there is one.
    pub pid: Option<u32>,
    /// The virtual machine that it is, where it is one with a name.
    pub vm: Option<String>,
    /// What is held, or why it could not be seen.
    pub through: String,
}

impl PlanView {
    /// The view of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let steps = plan.steps.iter().map(PlannedStep::of).collect();
        Self { schema: Self::SCHEMA, steps, notes: plan.notes.clone(), problems: Vec::new() }
    }

    /// The view of several devices' plans; those that have none are left out.
    #[must_use]
    pub fn of_parts(parts: &[Part]) -> Self {
        let plans = || parts.iter().filter_map(|part| part.plan.as_ref().ok());
        let steps = plans().flat_map(|plan| plan.steps.iter().map(PlannedStep::of)).collect();
        let notes = plans().flat_map(|plan| plan.notes.iter().cloned()).collect();
        Self { schema: Self::SCHEMA, steps, notes, problems: Vec::new() }
    }

    /// The same, with what cannot be had.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<String>) -> Self {
        self.problems.extend(problems);
        self
    }

    /// The same, with what else is to be known.
    #[must_use]
    pub fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// The plan for people; nothing was done.
    #[must_use]
    pub fn text(&self, _page: Page) -> String {
        let notes: String =
            self.notes.iter().map(|note| format!("note: {}\n", plain(note))).collect();
        let problem = |problem: &String| format!("{}\n", Tone::Bad.paint(&plain(problem)));
        let problems: String = self.problems.iter().map(problem).collect();
        self.steps_text() + &notes + &problems
    }

    fn steps_text(&self) -> String {
        if self.steps.is_empty() && !self.problems.is_empty() {
            return String::new();
        }
        if self.steps.is_empty() {
            return "Nothing to do.\n".into();
        }
        let hit: usize = self.steps.iter().map(|step| step.interrupts.len()).sum();
        let hit = match hit {
            0 => "nobody interrupted".into(),
            hit => Tone::Bad.paint(&format!("{hit} interrupted, needs --force")),
        };
        let mut text =
            format!("{}, {hit}; nothing was done.\n", count(self.steps.len(), "step", "steps"));
        for (number, step) in (1..).zip(&self.steps) {
            text += &format!("  {number:>3}  {}\n", plain(&step.summary));
            for interrupt in &step.interrupts {
                text += &format!("       {}\n", Tone::Bad.paint(&plain(&interrupt.text())));
            }
        }
        text
    }
}

impl PlannedStep {
    /// The view of a step.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        Self {
            pf: step.action.pf().map(|pf| pf.to_string()),
            action: step.action.name(),
            object: step.action.object(),
            from: step.action.from(),
            to: step.action.to(),
            interrupts: step.interrupts.iter().map(Interrupt::of).collect(),
            summary: step.action.to_string(),
        }
    }
}

impl Interrupt {
    fn of(interrupted: &Interrupted) -> Self {
        let function = interrupted.function.to_string();
        match &interrupted.by {
            Use::Holder(holder) => Self {
                function,
                kind: kind_name(holder.kind).into(),
                name: Some(holder.name.clone()),
                pid: holder.pid,
                vm: holder.vm.as_ref().map(|vm| vm.name.clone()),
                through: holder.through.clone(),
            },
            Use::Unknown(unreadable) => Self {
                function,
                kind: "unknown".into(),
                name: None,
                pid: None,
                vm: None,
                through: unreadable.to_string(),
            },
        }
    }

    fn text(&self) -> String {
        let who = self.name.as_deref().unwrap_or("somebody, perhaps");
        let pid = self.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let vm = self.vm.as_deref().map(|vm| format!(", VM {vm}")).unwrap_or_default();
        format!("takes {} from {who}{pid}{vm}: {}", self.function, self.through)
    }
}

const fn kind_name(kind: virtfn_host::HolderKind) -> &'static str {
    use virtfn_host::HolderKind::{Netdev, Netns, Process, Unseen};
    match kind {
        Process => "process",
        Unseen => "unseen",
        Netdev => "netdev",
        Netns => "netns",
    }
}

/// Who else lays down what a function shall be: its number of VFs, their settings, its driver.
#[must_use]
pub fn owners(host: &Host, function: &Function) -> Vec<String> {
    let Seen::Known(claims) = &host.claims else { return Vec::new() };
    let note = |(claim, applies): (&Claim, Applies)| {
        // A driver for all VFs of a kind gives way to the one that a single VF is given.
        let gives_way = claim.owner == Owner::Modprobe && function.vf().is_some();
        let ours = claim.owner == Owner::Virtfn || matches!(claim.what, Demand::Guest(_));
        (applies == Applies::Yes && !ours && !gives_way).then(|| {
            let (object, place) = (function.address.short(), claim.place());
            let Claim { owner, what, .. } = claim;
            format!("{object}: {owner} lays down {what} (/{place}), and may undo what is done here")
        })
    };
    claims.about(host, function).filter_map(note).collect()
}

/// Who uses a function, in a sentence that begins with the function: `VF 0 (0b:10.0) is in use by …`.
#[must_use]
pub fn in_use(interrupted: &Interrupted) -> String {
    let short = interrupted.function.short();
    let object = match interrupted.vf {
        Some(vf) => format!("VF {} ({short})", vf.index),
        None => short,
    };
    match &interrupted.by {
        Use::Holder(holder) => format!("{object} is in use by {holder}"),
        Use::Unknown(unreadable) => {
            format!("nobody can tell whether {object} is in use: {}", unreadable.why)
        }
    }
}
