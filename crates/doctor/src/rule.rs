//! A rule is data, and one pure function.

use virtfn_host::{Function, Host};

use crate::opinion::Opinion;
use crate::uses::Uses;

/// One requirement, or one thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, for ever.
    pub id: &'static str,
    /// What a line about it starts with: a word or two.
    pub label: &'static str,
    /// Which objects it looks at.
    pub about: About,
    /// Whom it matters to.
    pub matters_for: Uses,
    /// How much it weighs.
    pub weight: Weight,
    /// The rules whose failure, of the same object, its PF or the host, explains this one's.
    pub follows: &'static [&'static str],
    /// How it judges.
    pub judge: Judge,
    /// Its page, in Markdown: what it means, how it is seen, what mends it.
    pub page: &'static str,
}

/// How much a rule weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Without it nothing can be handed over: who cannot see it cannot say that the machine is
    /// ready.
    Requirement,
    /// It works without, and not as one would wish. It never fails, and where it cannot be seen the
    /// machine may be ready all the same.
    Advice,
    /// What one use wants prepared, and others do not miss: it never fails, and is judged only when
    /// the user asks for that use.
    Preparation,
}

/// Which objects a rule looks at. Devices that the user names narrow all but the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The machine as a whole.
    Host,
    /// Functions with SR-IOV, whatever became of it, and those that the user names.
    EachSriovDevice,
    /// Functions that can make at least one VF.
    EachPf,
    /// The same, and those that the user names, VFs apart.
    EachPfOrNamed,
    /// VFs.
    EachVf,
    /// VFs, and whatever the user names: what could be handed over.
    EachGuest,
    /// PFs, VFs, and whatever the user names.
    EachDevice,
}

/// How a rule judges.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// The machine.
    Host(fn(&Host) -> Opinion),
    /// One function at a time.
    Each(fn(&Host, &Function) -> Opinion),
    /// All functions in one go, an opinion each in their order, where one is held against the others
    /// or something is looked up for each: a machine may have thousands.
    Together(fn(&Host, &[&Function]) -> Vec<Opinion>),
    /// One function at a time, or the machine for want of one. Where one passes and the user named
    /// none, those that fail only warn: the machine can do without them.
    EachOrNone(fn(&Host, &Function) -> Opinion, fn(&Host) -> Opinion),
}

impl Rule {
    /// The first line of its page.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.page.lines().next().unwrap_or_default().trim_start_matches('#').trim()
    }
}
