//! A policy on a machine: which devices it means, and the plan for each.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use virtfn_apply::dry_run;
use virtfn_host::{Declared, Function, Host, Policy};
use virtfn_kernel::SysRoot;
use virtfn_observe::{Facet, Look};
use virtfn_pci::Address;
use virtfn_plan::{Matched, Part, PlanError, Subject};
use virtfn_render::plan::{PlanView, owners};

use crate::change::STATE;
use crate::error::Error;

/// A policy, and the devices of one machine that it means.
#[derive(Debug)]
pub struct Wanted {
    declared: Declared,
    /// The devices.
    pub about: BTreeSet<Subject>,
    /// Entries that cannot be followed here, a sentence each.
    pub unmatched: Vec<String>,
    /// Who else lays down what these devices shall be, a sentence each.
    pub owners: Vec<String>,
    owned: Vec<(Address, String)>,
    /// VFs that guests have and that are left as they are, a sentence each.
    lent: RefCell<BTreeSet<String>>,
}

impl Wanted {
    /// Reads the policy, and finds its devices.
    ///
    /// # Errors
    /// When either cannot be read, or the policy has faults.
    pub fn read(root: &SysRoot, file: Option<&Path>) -> Result<Self, Error> {
        Self::of(root, crate::policy::read(root, file)?)
    }

    /// Finds the devices of a policy.
    ///
    /// # Errors
    /// When the machine cannot be looked at.
    pub fn of(root: &SysRoot, declared: Declared) -> Result<Self, Error> {
        let mut facets = vec![Facet::Netdevs, Facet::Claims];
        let matchings = declared.pfs.iter().map(|pf| &pf.matching);
        let mut matchings = matchings.chain(declared.devices.iter().map(|device| &device.matching));
        if matchings.any(|matching| matching.serial.is_some()) {
            facets.push(Facet::Config);
        }
        let host = virtfn_observe::host(root, &Look::at(&facets))?;
        let matched = Matched::of(&host, &declared);
        let about = matched.about();
        let unmatched = matched.faults.iter().map(ToString::to_string).collect();
        let devices = about.iter().copied().filter_map(Subject::device);
        let devices = devices.map(|device| (device, device)).chain(given_vfs(&host, &matched));
        let owned: Vec<(Address, String)> = devices
            .filter_map(|(device, function)| Some((device, host.functions.get(&function)?)))
            .flat_map(|(device, function)| {
                owners(&host, function).into_iter().map(move |owner| (device, owner))
            })
            .collect();
        let owners = owned.iter().map(|(_, owner)| owner.clone()).collect();
        Ok(Self { declared, about, unmatched, owned, owners, lent: RefCell::default() })
    }

    /// Leaves one device of them.
    pub fn narrow(&mut self, device: Address) {
        self.about.retain(|about| *about == Subject::Device(device));
        self.owned.retain(|(about, _)| *about == device);
        self.owners = self.owned.iter().map(|(_, owner)| owner.clone()).collect();
        self.unmatched.clear();
    }

    /// Whether all that is declared is here, each PF with its driver.
    ///
    /// # Errors
    /// When the machine cannot be looked at.
    pub fn is_complete(&self, root: &SysRoot) -> Result<bool, Error> {
        let host = virtfn_observe::host(root, &Look::at(&[]))?;
        let bare = |device: Address| {
            let function = host.functions.get(&device);
            function.is_none_or(|one| one.pf().is_some() && one.driver.is_none())
        };
        Ok(self.unmatched.is_empty()
            && !self.about.iter().copied().filter_map(Subject::device).any(bare))
    }

    /// What shall be of those devices, from what is.
    ///
    /// # Errors
    /// None: it is a wish as [`virtfn_apply::run`] takes it.
    pub fn wish(&self, host: &Host, now: &Policy) -> Result<Policy, Error> {
        let mut policy = Matched::of(host, &self.declared).on(host, now);
        let meant = |device: &Address| self.about.contains(&Subject::Device(*device));
        policy.pfs.retain(|pf, _| meant(pf));
        policy.devices.retain(|device, _| meant(device));
        self.leave_lent(host, now, &mut policy);
        Ok(policy)
    }

    /// A VF that a guest has is as the guest's manager set it, and is made what the policy says of it when
    /// it comes back.
    fn leave_lent(&self, host: &Host, now: &Policy, policy: &mut Policy) {
        for (pf, wanted) in &mut policy.pfs {
            let Ok((_, about)) = host.pf(*pf) else { continue };
            // Another number of VFs takes them from whoever has them, or is refused.
            if about.vfs.len() != usize::from(wanted.vfs) {
                continue;
            }
            for (index, address) in &about.vfs {
                let has = now.pfs.get(pf).and_then(|now| now.vf.get(index));
                let guest = host.functions.get(address).and_then(guest_of);
                let (Some(has), Some(guest)) = (has, guest) else { continue };
                if wanted.vf.insert(*index, has.clone()).is_some_and(|wished| wished != *has) {
                    let short = address.short();
                    let note = format!("{short} is with VM {guest}, and stays as it is there");
                    self.lent.borrow_mut().insert(note);
                }
            }
        }
    }

    /// What guests have of the devices, and is left as it is: a sentence each, once a plan was made.
    #[must_use]
    pub fn lent(&self) -> Vec<String> {
        self.lent.borrow().iter().cloned().collect()
    }

    /// The plan for each device.
    ///
    /// # Errors
    /// When the machine cannot be looked at.
    pub fn parts(&self, root: &SysRoot) -> Result<Vec<Part>, Error> {
        // What a killed run owes this machine is owed by no recorded one.
        let state = if root.is_live() { STATE } else { "/nonexistent" };
        dry_run(root, &self.about, |host, now| self.wish(host, &now), state.as_ref())
    }

    /// The whole plan, with what stands in its way.
    ///
    /// # Errors
    /// When the machine cannot be looked at.
    pub fn plan(&self, root: &SysRoot) -> Result<PlanView, Error> {
        let parts = self.parts(root)?;
        let view = PlanView::of_parts(&parts)
            .with_notes(self.owners.iter().cloned().chain(self.lent()).collect());
        Ok(view.with_problems(self.problems(&parts)))
    }

    /// What of the policy cannot be had.
    #[must_use]
    pub fn problems(&self, parts: &[Part]) -> Vec<String> {
        let failed = |part: &Part| part.plan.as_ref().err().map(PlanError::to_string);
        self.unmatched.iter().cloned().chain(parts.iter().filter_map(failed)).collect()
    }
}

/// The guest that has a function now.
fn guest_of(function: &Function) -> Option<&str> {
    let mut holders = function.holders.known().into_iter().flatten();
    holders.find_map(|holder| holder.vm.as_ref()).map(|vm| vm.name.as_str())
}

/// The VFs that are there and for which the policy has a driver, each behind its PF.
fn given_vfs(host: &Host, matched: &Matched<'_>) -> Vec<(Address, Address)> {
    let mut given = Vec::new();
    for (pf, entry) in &matched.pfs {
        let vfs = host.pf(*pf).into_iter().flat_map(|(_, about)| &about.vfs);
        let driven = vfs.filter(|(index, _)| entry.wish(**index).driver.is_some());
        given.extend(driven.map(|(_, vf)| (*pf, *vf)));
    }
    given
}
