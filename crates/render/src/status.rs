//! `virtfn status`: is each device what its policy says?

use serde::Serialize;
use virtfn_plan::Part;

use crate::paint::Tone;
use crate::plan::PlannedStep;
use crate::words::{count, plain};
use crate::{Document, Page};

/// `virtfn.status/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    schema: &'static str,
    /// The devices that the policy declares, and that are here.
    pub devices: Vec<DeviceStatus>,
    /// Entries of the policy that cannot be followed here, a sentence each.
    pub unmatched: Vec<String>,
    /// Who else lays down what these devices shall be, a sentence each.
    pub owners: Vec<String>,
    /// VFs that guests have, and that stay as they are there: a sentence each.
    pub lent: Vec<String>,
}

impl Document for Status {
    const SCHEMA: &'static str = "virtfn.status/1";
}

/// One device.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeviceStatus {
    /// Its full address.
    pub device: String,
    /// `as-declared`, `differs`, or `impossible`: it cannot be what it shall be.
    pub state: DeviceState,
    /// What would make it what it shall be, step by step.
    pub steps: Vec<PlannedStep>,
    /// Why it cannot; `null` where it can.
    pub why: Option<String>,
    #[serde(skip)]
    short: String,
}

/// How a device stands to its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// It is what it shall be.
    AsDeclared,
    /// Steps would make it so.
    Differs,
    /// No steps can.
    Impossible,
}

impl Status {
    /// The view of a machine's plans.
    #[must_use]
    pub fn of(parts: &[Part], unmatched: Vec<String>, owners: Vec<String>) -> Self {
        let devices = parts.iter().map(DeviceStatus::of).collect();
        Self { schema: Self::SCHEMA, devices, unmatched, owners, lent: Vec::new() }
    }

    /// The same, with what guests have of the devices.
    #[must_use]
    pub fn with_lent(self, lent: Vec<String>) -> Self {
        Self { lent, ..self }
    }

    /// Is any device not what it shall be?
    #[must_use]
    pub fn drifts(&self) -> bool {
        self.devices.iter().any(|device| device.state != DeviceState::AsDeclared)
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self, _page: Page) -> String {
        let mut text: String = self.devices.iter().map(DeviceStatus::text).collect();
        for unmatched in &self.unmatched {
            text += &format!("{}\n", Tone::Bad.paint(&plain(unmatched)));
        }
        for note in self.owners.iter().chain(&self.lent) {
            text += &format!("note: {}\n", plain(note));
        }
        if text.is_empty() {
            text += "The policy declares no device.\n";
        }
        text
    }
}

impl DeviceStatus {
    fn of(part: &Part) -> Self {
        let (state, steps, why) = match &part.plan {
            Ok(plan) if plan.steps.is_empty() => (DeviceState::AsDeclared, Vec::new(), None),
            Ok(plan) => {
                (DeviceState::Differs, plan.steps.iter().map(PlannedStep::of).collect(), None)
            }
            Err(error) => (DeviceState::Impossible, Vec::new(), Some(error.to_string())),
        };
        let (device, short) = (part.about.to_string(), part.about.short());
        Self { device, state, steps, why, short }
    }

    fn text(&self) -> String {
        let short = &self.short;
        match self.state {
            DeviceState::AsDeclared => {
                format!("{short}  {}\n", Tone::Good.paint("as declared"))
            }
            DeviceState::Differs => {
                let steps = count(self.steps.len(), "step", "steps");
                let differs = Tone::Warn.paint("differs");
                let mut text = format!("{short}  {differs}; {steps} to what it shall be:\n");
                for step in &self.steps {
                    text += &format!("    {}\n", plain(&step.summary));
                }
                text
            }
            DeviceState::Impossible => {
                let why = self.why.as_deref().unwrap_or_default();
                format!("{}\n", Tone::Bad.paint(&plain(why)))
            }
        }
    }
}
