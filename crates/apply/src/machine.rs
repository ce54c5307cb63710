//! The machine as a run meets it, so that a model with a kernel's known misbehaviour can stand in
//! for the live one: what is tested is the run itself.

use std::collections::BTreeSet;
use std::time::Duration;

use virtfn_host::{EswitchMode, FirmwareVfs, Host, PageSize, VfId};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Subject, Target};

use crate::error::{ApplyError, Cause};

/// What a look is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// To decide: with who uses what, with what there is room for.
    Whole,
    /// To see whether all is as it shall be: these devices and their VFs alone, with nothing that no
    /// setting depends on.
    State {
        /// Is a number of interrupt vectors among the settings? A VF's config space tells it, and a
        /// device is slow to tell that.
        vectors: bool,
        /// Does anything depend on what devlink says?
        devlink: bool,
    },
}

/// A machine that is looked at, and changed one write at a time. [`crate::Live`] is the real one.
///
/// Nothing here decides: what a refusal means, what is tried again and what is read back is the
/// run's own business.
pub trait Machine {
    /// Looks at these functions, as far as `sight` goes.
    ///
    /// # Errors
    /// When it cannot be looked at.
    fn observe(&mut self, about: &BTreeSet<Subject>, sight: Sight) -> Result<Host, ApplyError>;

    /// Looks once more at what `plan` takes away, where the look left a doubt about who has it;
    /// says whether anything was learnt.
    fn settle_doubts(&mut self, host: &mut Host, plan: &Plan) -> bool;

    /// Makes the one write that `action` is.
    ///
    /// # Errors
    /// What the kernel says.
    fn write(&mut self, action: &Action) -> Result<(), Cause>;

    /// Where a VF is now.
    fn vf(&mut self, vf: VfId) -> Option<Address>;

    /// The VFs that a PF has now; `None` where that is not to be seen.
    fn vfs(&mut self, pf: Address) -> Option<Vec<Address>>;

    /// Who drives a function now.
    fn driver(&mut self, function: Address) -> Option<String>;

    /// Is a driver still making the interface of this function?
    fn is_settling(&mut self, function: Address) -> bool;

    /// How a card's switch works now.
    ///
    /// # Errors
    /// Why that is not to be seen.
    fn eswitch(&mut self, pf: Address) -> Result<EswitchMode, String>;

    /// How many VFs a card's firmware offers now, from its next reset on.
    ///
    /// # Errors
    /// Why that is not to be seen.
    fn firmware(&mut self, pf: Address) -> Result<FirmwareVfs, String>;

    /// How many huge pages of a size are reserved now.
    fn hugepages(&mut self, size: PageSize) -> Option<u64>;

    /// What the kernel wrote into its log since the last call, as far as it may be read; nothing the
    /// first time.
    fn new_log(&mut self) -> Vec<String>;

    /// Time, from any beginning.
    fn now(&self) -> Duration;

    /// Waits.
    fn pause(&mut self, time: Duration);
}

/// Where a step's function is now.
pub(crate) fn place(machine: &mut dyn Machine, target: Target) -> Option<Address> {
    match target {
        Target::Function(address) => Some(address),
        Target::Vf(vf) => machine.vf(vf),
    }
}
