//! Hands a function to a virtual machine, and takes it back.
//!
//! The machine's manager (libvirt, QEMU) does its part by a call of its own, which is passed in. Before
//! it the function is proved idle, and what it was is written down; after it the host is read back as
//! after any other change. Some managers bind the function and set it up themselves, for others our
//! own steps do: what shall be is the same, and so is the proof.

use std::collections::BTreeSet;
use std::error::Error;

use virtfn_host::{Function, Host, Policy};
use virtfn_pci::Address;
use virtfn_plan::Subject;

use crate::error::ApplyError;
use crate::given::Given;
use crate::machine::Machine;
use crate::run::{Held, Options, Outcome, Progress, Ready, Records};

/// Why a manager's call failed, in its own words.
pub type HandsError = Box<dyn Error + Send + Sync>;

/// What a manager does to a virtual machine.
pub trait Hands {
    /// Makes the call, and waits until it has had its effect.
    ///
    /// # Errors
    /// What the manager says.
    fn call(&mut self) -> Result<(), HandsError>;

    /// Takes back what a call may have left that failed, or that the host does not bear out.
    ///
    /// # Errors
    /// What is still there.
    fn undo(&mut self) -> Result<(), HandsError>;
}

/// Who binds the function and sets it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// We do, before the manager's call.
    Ours,
    /// The manager does, in its call.
    Theirs,
}

/// Who gets what.
#[derive(Clone, Copy, Debug)]
pub struct Taker<'a> {
    /// The function.
    pub function: Address,
    /// The device that is locked: the function, or the PF of a VF.
    pub about: Subject,
    /// To whom, in words: `VM web`.
    pub name: &'a str,
    /// Who makes the steps.
    pub steps: Steps,
}

/// Hands a function over: `wish` is what it shall be on the host while the virtual machine has it.
///
/// # Errors
/// When it was refused, or failed: then the function is as it was, as far as that could be done.
pub fn hand_over<E: From<ApplyError>>(
    machine: &mut dyn Machine,
    taker: &Taker<'_>,
    wish: impl Fn(&Host, Policy) -> Result<Policy, E>,
    hands: &mut dyn Hands,
    options: &mut Options<'_>,
) -> Result<Outcome, E> {
    let about = BTreeSet::from([taker.about]);
    let held = Held::take(&about, &options.state)?;
    let ready = held.make_ready(machine, &wish, options)?;
    let given = match Given::read(&options.state, taker.function) {
        // A run that was cut short began it: what the function was then is what it goes back to.
        Some(given) if given.to == taker.name || is_given(&ready.host, taker.function) => {
            (options.progress)(Progress::Recovers(taker.function));
            given
        }
        // Whoever had it before has given it back.
        _ => Given::of(&ready.host, &ready.was, taker),
    };
    given.write(&options.state)?;
    match give(&held, machine, taker, &ready, hands, options) {
        Ok(host) => Ok(Outcome { steps: ready.whole.steps.len(), host }),
        Err(error) => {
            let left = put_back(&held, machine, &given, hands, options).err();
            let error = match left {
                Some(left) => ApplyError::NotPutBack { because: Box::new(error), left },
                None => error,
            };
            Err(error.into())
        }
    }
}

fn is_given(host: &Host, function: Address) -> bool {
    host.functions.get(&function).is_some_and(Function::is_passed_through)
}

fn give(
    held: &Held<'_>,
    machine: &mut dyn Machine,
    taker: &Taker<'_>,
    ready: &Ready,
    hands: &mut dyn Hands,
    options: &mut Options<'_>,
) -> Result<Host, ApplyError> {
    match taker.steps {
        Steps::Ours => Held::go_on(machine, ready, options)?,
        // A manager that binds a function itself does not have to load the driver for it: libvirt sees
        // no VFIO on a host whose module was never loaded, and refuses.
        Steps::Theirs => Held::go_on(machine, &ready.modules_alone(), options)?,
    }
    (options.progress)(Progress::Hands { function: taker.function, to: taker.name });
    hands.call().map_err(|source| ApplyError::Hands { function: taker.function, source })?;
    held.look_again(machine, &ready.parts)
}

/// What failed is told; what could not be put back is told with it.
fn put_back(
    held: &Held<'_>,
    machine: &mut dyn Machine,
    given: &Given,
    hands: &mut dyn Hands,
    options: &mut Options<'_>,
) -> Result<(), String> {
    hands.undo().map_err(|error| error.to_string())?;
    let wish = |_: &Host, policy| Ok::<_, ApplyError>(given.back(policy));
    held.run(machine, wish, Records::Keep, options).map_err(|error| error.to_string())?;
    Given::remove(&options.state, given.function).map_err(|error| error.to_string())
}

/// Takes a function back from a virtual machine, and makes it what it was before, where that was
/// written down.
///
/// # Errors
/// When the manager does not give it back: then it stays where it is. When it cannot be made what it
/// was: the next call tries again.
pub fn take_back(
    machine: &mut dyn Machine,
    taker: &Taker<'_>,
    hands: &mut dyn Hands,
    options: &mut Options<'_>,
) -> Result<Outcome, ApplyError> {
    let about = BTreeSet::from([taker.about]);
    let held = Held::take(&about, &options.state)?;
    (options.progress)(Progress::HandsBack { function: taker.function, from: taker.name });
    hands.call().map_err(|source| ApplyError::Hands { function: taker.function, source })?;
    let given = Given::read(&options.state, taker.function);
    let wish = |_: &Host, policy: Policy| {
        Ok::<_, ApplyError>(match &given {
            Some(given) => given.back(policy),
            None => policy,
        })
    };
    let outcome = held.run(machine, wish, Records::Keep, options)?;
    Given::remove(&options.state, taker.function)?;
    Ok(outcome)
}
