//! For a program that is started on devices, and ends.

use std::path::Path;

use virtfn_apply::{Given, Hands, HandsError, Live, Steps, Taker, hand_over, take_back};
use virtfn_formats::vm::Passed;
use virtfn_host::{Host, Policy};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;
use virtfn_virt::handover::{Drivers, Goes, OnHost, Scene, obstacles};

use super::{about, failed, look, mind, options, session};
use crate::change::{STATE, Teller};
use crate::context::Context;
use crate::error::Error;

/// The program opens and closes the device by itself.
struct Nobody;

impl Hands for Nobody {
    fn call(&mut self) -> Result<(), HandsError> {
        Ok(())
    }

    fn undo(&mut self) -> Result<(), HandsError> {
        Ok(())
    }
}

/// Binds a device for VFIO and sets it up; what it was is written down as `name`'s.
///
/// # Errors
/// When something stands in the way, or it failed: then the device is as it was.
pub fn prepare(
    root: &SysRoot,
    passed: &Passed,
    name: &str,
    force: bool,
    context: &mut Context<'_>,
) -> Result<Address, Error> {
    let host = look(root)?;
    let (on_host, passed) =
        OnHost::of(&host, passed, Drivers::Best).map_err(|obstacle| Error::obstacle(*obstacle))?;
    let scene = Scene { host: &host, goes: Goes::Now, others: &[], session: session() };
    mind(obstacles(&scene, &passed), force)?;
    let function = on_host.function;
    let taker = Taker { function, about: about(function, on_host.vf), name, steps: Steps::Ours };
    let wish = |_: &Host, policy: Policy| Ok::<_, virtfn_apply::ApplyError>(on_host.policy(policy));
    let mut teller = Teller::start();
    let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
    let mut options = options(force, &mut progress);
    let mut live = Live::new(root, &mut *context.watch);
    let done = hand_over(&mut live, &taker, wish, &mut Nobody, &mut options);
    teller.clear();
    done.map_err(|error| failed(&taker, "it stays where it is", error))?;
    Ok(function)
}

/// Makes a device what it was before somebody got it who is gone now; says who that was, or `None` where
/// nothing was written down.
///
/// # Errors
/// When somebody has it, or it failed: the next call tries again.
pub fn put_back(
    root: &SysRoot,
    function: Address,
    force: bool,
    context: &mut Context<'_>,
) -> Result<Option<String>, Error> {
    let Some(given) = Given::read(Path::new(STATE), function) else { return Ok(None) };
    let name = given.to;
    let taker =
        Taker { function, about: about(function, given.vf), name: &name, steps: Steps::Ours };
    let mut teller = Teller::start();
    let mut progress = |progress: virtfn_apply::Progress<'_>| teller.tell(&progress);
    let mut options = options(force, &mut progress);
    let mut live = Live::new(root, &mut *context.watch);
    let done = take_back(&mut live, &taker, &mut Nobody, &mut options);
    teller.clear();
    done.map_err(|error| failed(&taker, "it stays as it is", error))?;
    Ok(Some(name))
}
