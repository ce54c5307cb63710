//! The ports that devlink has for VFs in switchdev mode: what the function behind each may do, and in
//! which group it shares a rate. A VF's own rates are set there too, where drivers refuse them on the
//! PF's interface.

use virtfn_host::{
    EswitchMode, Limits, Pf, PfPolicy, PortChange, Ports, Seen, Unreadable, VfAdmin, VfId,
    VfPolicy, VfPort,
};
use virtfn_pci::Address;

use crate::error::PlanError;
use crate::step::Action;

/// What devlink has of a PF's VFs when the steps on them run.
pub(crate) enum Devlink<'a> {
    /// No ports: legacy mode, or no modes.
    Nothing,
    /// Ports that are made with the VFs.
    New,
    /// These.
    There(&'a Ports),
    /// Nobody knows.
    Unseen(&'a Unreadable),
}

/// What has to be done on one VF's port, and the settings that are left for the PF's interface.
pub(crate) struct OnPort {
    /// What its function may do.
    pub(crate) function: Vec<Action>,
    /// What it may send.
    pub(crate) rates: Vec<Action>,
    /// All that is set on the PF's interface.
    pub(crate) admin: VfAdmin,
}

impl<'a> Devlink<'a> {
    /// `anew`: the VFs are made in this plan.
    pub(crate) fn of(pf: &'a Pf, wanted: &PfPolicy, anew: bool) -> Self {
        match (wanted.eswitch.as_ref().or(pf.eswitch.known()), &pf.ports) {
            (None | Some(EswitchMode::Legacy), Seen::Known(_) | Seen::Absent) => Self::Nothing,
            (Some(EswitchMode::Legacy), _) => Self::Nothing,
            (Some(_), _) if anew => Self::New,
            (_, Seen::Known(ports)) => Self::There(ports),
            (_, Seen::Absent) => Self::Nothing,
            (_, Seen::Unreadable(unreadable)) => Self::Unseen(unreadable),
        }
    }

    /// The actions on the port of `vf`.
    ///
    /// # Errors
    /// When something is asked of a port that is not there, or could not be seen.
    pub(crate) fn settle(&self, vf: VfId, wanted: &VfPolicy) -> Result<OnPort, PlanError> {
        let said = wanted.port.said();
        let new = VfPort { limits: Some(Limits::default()), ..VfPort::untouched() };
        let now = match self {
            Self::New => Some(&new),
            Self::There(ports) => ports.vfs.get(&vf.index),
            Self::Nothing => None,
            Self::Unseen(unreadable) if !said.is_empty() => {
                let unreadable = (*unreadable).clone();
                return Err(PlanError::Unseen { device: vf.pf, unreadable });
            }
            Self::Unseen(_) => None,
        };
        let Some(now) = now else {
            return match said.first() {
                None => Ok(OnPort::nothing(wanted)),
                Some(key) => Err(PlanError::NoPort { vf, key }),
            };
        };
        if now.limits.is_none() && said.contains(&"rate_group") {
            return Err(PlanError::NoRates { vf });
        }
        let action = |to: PortChange| {
            // What a new VF has is not known before it is there.
            let from = if matches!(self, Self::New) { None } else { to.value_in(now) };
            Action::SetPort { vf, from, to }
        };
        let function = wanted.port.function_changes(now).into_iter().map(action).collect();
        if now.limits.is_none() {
            return Ok(OnPort { function, ..OnPort::nothing(wanted) });
        }
        Ok(OnPort {
            function,
            rates: wanted.port.rate_changes(&wanted.admin, now).into_iter().map(action).collect(),
            admin: VfAdmin { min_rate: None, max_rate: None, ..wanted.admin.clone() },
        })
    }

    /// The actions that make and change the groups that there shall be, and those that remove others,
    /// which runs when no VF is in them any more.
    ///
    /// # Errors
    /// When groups are asked for where there can be none, or could not be seen.
    pub(crate) fn groups(
        &self,
        pf: Address,
        wanted: &PfPolicy,
    ) -> Result<(Vec<Action>, Vec<Action>), PlanError> {
        for (index, vf) in &wanted.vf {
            let named = vf.port.group.as_ref().and_then(|group| group.name());
            if let Some(group) =
                named.filter(|name| !matches!(wanted.groups.get(*name), Some(Some(_))))
            {
                let vf = VfId { pf, index: *index };
                return Err(PlanError::NoGroup { vf, group: group.to_owned() });
            }
        }
        if wanted.groups.is_empty() {
            return Ok(Default::default());
        }
        let there = match self {
            Self::There(ports) => Some(&ports.groups),
            // Groups go with the mode, and in some drivers with the VFs.
            Self::New => None,
            Self::Nothing if wanted.groups.values().all(Option::is_none) => None,
            Self::Nothing => return Err(PlanError::NoGroups { pf }),
            Self::Unseen(unreadable) => {
                let unreadable = (*unreadable).clone();
                return Err(PlanError::Unseen { device: pf, unreadable });
            }
        };
        let changes = wanted.groups.iter().filter_map(|(name, to)| {
            let from = there.and_then(|there| there.get(name)).copied();
            (from != *to).then(|| Action::SetGroup { pf, name: name.clone(), from, to: *to })
        });
        Ok(changes.partition(|action| matches!(action, Action::SetGroup { to: Some(_), .. })))
    }
}

impl OnPort {
    fn nothing(wanted: &VfPolicy) -> Self {
        Self { function: Vec::new(), rates: Vec::new(), admin: wanted.admin.clone() }
    }
}

/// Does a new VF's port differ from one that nobody ever touched, in what its driver finds there?
pub(crate) fn is_touched(vf: &VfPolicy) -> bool {
    !vf.port.function_changes(&VfPort::untouched()).is_empty()
}
