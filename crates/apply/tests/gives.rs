//! Handed to a virtual machine and taken back, killed between any two calls, by a manager that may fail
//! or die in the middle: the next run ends in the wanted state, and the VF is what it was in the end.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot unwrap has failed.
#![allow(dead_code)] // The model serves plan's tests too, whole in neither.

#[path = "kernel/mod.rs"]
mod kernel;
#[path = "../../plan/tests/model/mod.rs"]
mod model;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use kernel::{Kernel, Killed};
use virtfn_apply::{
    ApplyError, Cause, Given, Hands, HandsError, InUse, Machine, OnFailure, Options, Sight, Steps,
    Taker, hand_over, take_back,
};
use virtfn_host::{
    DriverChoice, EswitchMode, FirmwareVfs, Host, MacAddress, PageSize, Policy, Qos, VfAdmin, VfId,
    VfIndex, VfPolicy, VlanId,
};
use virtfn_pci::Address;
use virtfn_plan::{Action, Plan, Subject, Target};

/// The kernel, which the manager writes to as well.
#[derive(Clone)]
struct Shared(Rc<RefCell<Kernel>>);

impl Machine for Shared {
    fn observe(&mut self, about: &BTreeSet<Subject>, sight: Sight) -> Result<Host, ApplyError> {
        self.0.borrow_mut().observe(about, sight)
    }
    fn settle_doubts(&mut self, host: &mut Host, plan: &Plan) -> bool {
        self.0.borrow_mut().settle_doubts(host, plan)
    }
    fn write(&mut self, action: &Action) -> Result<(), Cause> {
        self.0.borrow_mut().write(action)
    }
    fn vf(&mut self, vf: VfId) -> Option<Address> {
        self.0.borrow_mut().vf(vf)
    }
    fn vfs(&mut self, pf: Address) -> Option<Vec<Address>> {
        self.0.borrow_mut().vfs(pf)
    }
    fn driver(&mut self, function: Address) -> Option<String> {
        self.0.borrow_mut().driver(function)
    }
    fn is_settling(&mut self, function: Address) -> bool {
        self.0.borrow_mut().is_settling(function)
    }
    fn eswitch(&mut self, pf: Address) -> Result<EswitchMode, String> {
        self.0.borrow_mut().eswitch(pf)
    }
    fn firmware(&mut self, pf: Address) -> Result<FirmwareVfs, String> {
        self.0.borrow_mut().firmware(pf)
    }
    fn hugepages(&mut self, size: PageSize) -> Option<u64> {
        self.0.borrow_mut().hugepages(size)
    }
    fn new_log(&mut self) -> Vec<String> {
        self.0.borrow_mut().new_log()
    }
    fn now(&self) -> Duration {
        self.0.borrow().now()
    }
    fn pause(&mut self, time: Duration) {
        self.0.borrow_mut().pause(time);
    }
}

/// What a manager knows of the VF, which outlives its callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    attached: bool,
    /// It refuses at this step of its own, and leaves what it did.
    fails_at: Option<u8>,
}

/// libvirt, or QEMU: what it does it does to its end, whoever asked for it and is gone.
struct Manager<'a> {
    world: &'a World,
    attaches: bool,
    steps: Steps,
}

/// A host with a VF that has an address and a VLAN, and a manager.
struct World {
    kernel: Shared,
    known: RefCell<Known>,
    state: tempfile::TempDir,
}

const TO: &str = "VM web";
const OWN: [u8; 6] = [0x52, 0x54, 0, 0, 0, 1];
const GUESTS: [u8; 6] = [0x52, 0x54, 0, 0x6d, 0x90, 2];

fn vf() -> VfId {
    VfId { pf: model::port(0), index: VfIndex(1) }
}

fn admin(mac: [u8; 6], vlan: u16) -> VfAdmin {
    let (mac, vlan) = (Some(MacAddress::new(mac)), VlanId::new(vlan));
    VfAdmin { mac, vlan, qos: Some(Qos::default()), ..VfAdmin::default() }
}

fn for_guest(_: &Host, policy: Policy) -> Result<Policy, ApplyError> {
    let driver = Some(DriverChoice::Named("vfio-pci".into()));
    let wanted = VfPolicy { admin: admin(GUESTS, 42), driver, ..VfPolicy::default() };
    Ok(policy.with_vf(vf(), wanted))
}

impl Manager<'_> {
    /// Some of its own steps, of which the last may be the one at which it dies.
    fn take(&self, actions: &[Action]) -> Result<(), HandsError> {
        let mut kernel = self.world.kernel.0.borrow_mut();
        for (number, action) in actions.iter().enumerate() {
            if self.world.known.borrow().fails_at == u8::try_from(number).ok() {
                self.world.known.borrow_mut().fails_at = None;
                return Err("the daemon ended the connection".into());
            }
            // One that died and was started again finds some of it done.
            let _ = model::take(&mut kernel.host, action);
        }
        Ok(())
    }
}

impl Hands for Manager<'_> {
    fn call(&mut self) -> Result<(), HandsError> {
        let target = Target::Vf(vf());
        let order =
            |to: Option<&str>| Action::SetOverride { target, from: None, to: to.map(Into::into) };
        let unbind = |driver: &str| Action::Unbind { target, driver: driver.into() };
        let probe = Action::Probe { target, driver: None };
        if self.attaches {
            if self.steps == Steps::Theirs {
                let kernel = &self.world.kernel;
                let plan = {
                    let host = kernel.0.borrow().host.clone();
                    virtfn_plan::diff(&host, &for_guest(&host, Policy::of(&host))?)?
                };
                let actions: Vec<Action> = plan.steps.into_iter().map(|step| step.action).collect();
                self.take(&actions)?;
            } else {
                self.take(&[])?;
            }
            self.world.hold(true);
        } else if self.world.known.borrow().attached {
            self.world.hold(false);
            // It forgets what it had set.
            self.take(&[order(None), unbind("vfio-pci"), probe])?;
        }
        Ok(())
    }

    fn undo(&mut self) -> Result<(), HandsError> {
        self.world.hold(false);
        Ok(())
    }
}

impl World {
    fn new() -> Self {
        let world = Self {
            kernel: Shared(Rc::new(RefCell::new(Kernel::new()))),
            known: RefCell::default(),
            state: tempfile::tempdir().unwrap(),
        };
        let about = BTreeSet::from([Subject::from(vf().pf)]);
        let wish = |_: &Host, policy: Policy| {
            let own = VfPolicy { admin: admin(OWN, 7), ..VfPolicy::default() };
            Ok::<_, ApplyError>(policy.with_vfs(vf().pf, 3).with_vf(vf(), own))
        };
        virtfn_apply::run(&mut world.kernel.clone(), &about, wish, &mut world.options(&mut |_| {}))
            .unwrap();
        world.kernel.0.borrow_mut().writes = 0;
        world
    }

    fn hold(&self, held: bool) {
        self.kernel.0.borrow_mut().hold(vf(), held);
        self.known.borrow_mut().attached = held;
    }

    fn options<'a>(&self, progress: &'a mut dyn FnMut(virtfn_apply::Progress<'_>)) -> Options<'a> {
        let state = self.state.path().to_owned();
        Options { state, in_use: InUse::Refuse, on_failure: OnFailure::RollBack, progress }
    }

    fn address(&self) -> Address {
        self.kernel.clone().vf(vf()).unwrap()
    }

    fn taker(&self, steps: Steps) -> Taker<'_> {
        Taker { function: self.address(), about: vf().pf.into(), name: TO, steps }
    }

    /// As a front door does: what the manager has already is not asked for again.
    fn attach(&self, steps: Steps) -> Result<(), ApplyError> {
        if self.known.borrow().attached {
            return Ok(());
        }
        let mut manager = Manager { world: self, attaches: true, steps };
        let mut quiet = |_: virtfn_apply::Progress<'_>| {};
        let mut options = self.options(&mut quiet);
        let taker = self.taker(steps);
        hand_over(&mut self.kernel.clone(), &taker, for_guest, &mut manager, &mut options).map(drop)
    }

    fn detach(&self, steps: Steps) -> Result<(), ApplyError> {
        let mut manager = Manager { world: self, attaches: false, steps };
        let mut quiet = |_: virtfn_apply::Progress<'_>| {};
        let mut options = self.options(&mut quiet);
        take_back(&mut self.kernel.clone(), &self.taker(steps), &mut manager, &mut options)
            .map(drop)
    }

    /// Does it until the call after which it is killed; says whether it came so far.
    fn killed(&self, calls: usize, run: impl FnOnce() -> Result<(), ApplyError>) -> bool {
        self.kernel.0.borrow_mut().kill_after = Some(calls);
        let ended = catch_unwind(AssertUnwindSafe(|| drop(run())));
        self.kernel.0.borrow_mut().kill_after = None;
        match ended {
            Ok(()) => false,
            Err(payload) if payload.is::<Killed>() => true,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    fn assert_is(&self, driver: &str, mac: [u8; 6], vlan: u16, at: &str) {
        let host = self.kernel.0.borrow().host.clone();
        let now = &host.functions[&vf().pf].pf().unwrap().admin.known().unwrap()[&vf().index];
        assert!(admin(mac, vlan).changes_from(now).is_empty(), "{at}: {now:?}");
        assert_eq!(host.functions[&self.address()].driver.as_deref(), Some(driver), "{at}");
        let is_left = |ending: &str| {
            let files = self.state.path().read_dir().unwrap().flatten();
            files.filter(|file| file.file_name().to_string_lossy().ends_with(ending)).count()
        };
        assert_eq!(is_left(".journal"), 0, "{at}");
        let given = usize::from(driver == "vfio-pci");
        assert_eq!(is_left(".given"), given, "{at}");
    }

    fn assert_own(&self, at: &str) {
        self.assert_is("igbvf", OWN, 7, at);
    }
}

const BOTH: [Steps; 2] = [Steps::Ours, Steps::Theirs];

#[test]
fn killed_anywhere_the_next_run_hands_over_and_the_next_takes_back() {
    for steps in BOTH {
        let mut kills = 0;
        for calls in 0.. {
            let world = World::new();
            let at = format!("{steps:?}, attach killed after {calls} calls");
            let was_killed = world.killed(calls, || world.attach(steps));
            world.attach(steps).unwrap_or_else(|error| panic!("{at}: {error}"));
            world.assert_is("vfio-pci", GUESTS, 42, &at);
            world.detach(steps).unwrap_or_else(|error| panic!("{at}: {error}"));
            world.assert_own(&at);
            if !was_killed {
                break;
            }
            kills += 1;
        }
        let least = if steps == Steps::Ours { 9 } else { 4 };
        assert!(kills >= least, "{steps:?}: {kills} places to be killed at");
    }
}

#[test]
fn killed_while_it_takes_back_the_next_run_makes_the_vf_what_it_was() {
    for steps in BOTH {
        let mut kills = 0;
        for calls in 0.. {
            let world = World::new();
            world.attach(steps).unwrap();
            let at = format!("{steps:?}, detach killed after {calls} calls");
            let was_killed = world.killed(calls, || world.detach(steps));
            world.detach(steps).unwrap_or_else(|error| panic!("{at}: {error}"));
            world.assert_own(&at);
            if !was_killed {
                break;
            }
            kills += 1;
        }
        let least = if steps == Steps::Ours { 9 } else { 4 };
        assert!(kills >= least, "{steps:?}: {kills} places to be killed at");
    }
}

#[test]
fn a_manager_that_dies_at_any_step_leaves_the_vf_as_it_was() {
    for steps in BOTH {
        let places = if steps == Steps::Ours { 0..=0 } else { 0..=4 };
        for step in places {
            for calls in [None].into_iter().chain((0..40).map(Some)) {
                let world = World::new();
                world.known.borrow_mut().fails_at = Some(step);
                let at = format!("{steps:?}, died at {step}, killed after {calls:?} calls");
                match calls {
                    None => {
                        let refused = world.attach(steps);
                        // Nothing is left to do at which it could die.
                        if steps == Steps::Theirs {
                            assert!(matches!(refused, Err(ApplyError::Hands { .. })), "{at}");
                        }
                    }
                    Some(calls) => _ = world.killed(calls, || world.attach(steps)),
                }
                world.known.borrow_mut().fails_at = None;
                if calls.is_some() {
                    world.attach(steps).unwrap_or_else(|error| panic!("{at}: {error}"));
                    world.assert_is("vfio-pci", GUESTS, 42, &at);
                }
                world.detach(steps).unwrap_or_else(|error| panic!("{at}: {error}"));
                world.assert_own(&at);
            }
        }
    }
}

#[test]
fn what_somebody_else_has_stays_and_nothing_is_written_down() {
    for steps in BOTH {
        let world = World::new();
        world.kernel.0.borrow_mut().hold(vf(), true);
        let refused = world.attach(steps);
        assert!(matches!(refused, Err(ApplyError::InUse(_))), "{steps:?}: {refused:?}");
        assert_eq!(world.kernel.0.borrow().writes, 0, "{steps:?}");
        assert_eq!(Given::read(world.state.path(), world.address()), None, "{steps:?}");
    }
}

#[test]
fn vfs_that_are_made_anew_owe_nothing_to_the_old_ones() {
    let world = World::new();
    world.attach(Steps::Ours).unwrap();
    world.hold(false);
    let about = BTreeSet::from([Subject::from(vf().pf)]);
    for vfs in [0, 3] {
        let wish = |_: &Host, policy: Policy| Ok::<_, ApplyError>(policy.with_vfs(vf().pf, vfs));
        virtfn_apply::run(&mut world.kernel.clone(), &about, wish, &mut world.options(&mut |_| {}))
            .unwrap();
    }
    assert_eq!(Given::read(Path::new(world.state.path()), world.address()), None);
}

#[test]
fn what_was_set_since_a_guest_gave_it_back_stays() {
    for steps in BOTH {
        let world = World::new();
        world.attach(steps).unwrap();
        // The guest is shut off, and its manager gives the VF back.
        Manager { world: &world, attaches: false, steps }.call().unwrap();
        world.known.borrow_mut().attached = false;
        let other = [0x52, 0x54, 0, 0, 0, 9];
        let about = BTreeSet::from([Subject::from(vf().pf)]);
        let wish = |_: &Host, policy: Policy| {
            let set = VfPolicy { admin: admin(other, 9), ..VfPolicy::default() };
            Ok::<_, ApplyError>(policy.with_vf(vf(), set))
        };
        virtfn_apply::run(&mut world.kernel.clone(), &about, wish, &mut world.options(&mut |_| {}))
            .unwrap();
        world.attach(steps).unwrap();
        world.detach(steps).unwrap();
        world.assert_is("igbvf", other, 9, &format!("{steps:?}"));
    }
}
