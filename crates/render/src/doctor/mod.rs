//! `virtfn doctor`: is this host ready?

mod html;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;
use virtfn_doctor::{Finding, Summary, Uses};
use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use crate::Document;

pub(crate) use text::symbol;

/// `virtfn.doctor/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Doctor {
    schema: &'static str,
    /// What it all comes to, in one line.
    pub summary: String,
    /// What every rule found.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<FindingShape>"))]
    pub findings: Vec<Finding>,
    #[serde(skip)]
    verdict: Summary,
    /// What a text says of each function.
    #[serde(skip)]
    names: BTreeMap<Address, String>,
    /// Each VF's PF.
    #[serde(skip)]
    pfs: BTreeMap<Address, Address>,
}

impl Document for Doctor {
    const SCHEMA: &'static str = virtfn_doctor::SCHEMA;
}

/// How a finding is written.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Finding")]
#[expect(dead_code, reason = "it is the shape that counts")]
struct FindingShape {
    /// The rule's id.
    rule: String,
    /// What it says.
    verdict: VerdictShape,
    /// The rule whose failure explains this one.
    because: Option<String>,
    /// `host`, or a function's full address.
    object: String,
    /// In one line.
    summary: String,
    /// What proves it.
    evidence: Vec<crate::show::Evidence>,
    /// What mends it, in the order to try.
    fixes: Vec<String>,
}

#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Verdict", rename_all = "kebab-case")]
#[expect(dead_code, reason = "it is the shape that counts")]
enum VerdictShape {
    Pass,
    Warn,
    Fail,
    Unknown,
    NotApplicable,
}

/// How much a text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What is wrong with its evidence, and the rest in a line each.
    Brief,
    /// Every finding with its evidence.
    Full,
}

impl Doctor {
    /// What the rules found of a host.
    #[must_use]
    pub fn of(host: &Host, findings: Vec<Finding>, uses: Uses) -> Self {
        let verdict = virtfn_doctor::summary(host, &findings, uses);
        let pf = |function: &Function| Some((function.address, function.vf()?.pf));
        Self {
            schema: Self::SCHEMA,
            summary: verdict.line.clone(),
            findings,
            verdict,
            names: host
                .functions
                .values()
                .map(|function| (function.address, name(host, function)))
                .collect(),
            pfs: host.functions.values().filter_map(pf).collect(),
        }
    }

    /// Is the host ready?
    #[must_use]
    pub const fn readiness(&self) -> virtfn_doctor::Readiness {
        self.verdict.readiness
    }
}

/// A function in a few words: what it is, and a PF's VFs.
fn name(host: &Host, function: &Function) -> String {
    let name = host.names.of(function.ids.vendor, function.ids.device);
    match function.pf() {
        Some(pf) => format!("{name}, {} of {} VFs", pf.vfs.len(), pf.total_vfs),
        None => name,
    }
}
