//! What a rule found: the values of `virtfn.doctor/1`.

use std::fmt;

use serde::Serialize;
use virtfn_pci::Address;

use crate::rule::Weight;
use crate::rules::RULES;

/// The name of the document that findings are part of.
pub const SCHEMA: &str = "virtfn.doctor/1";

/// What a rule says of an object. Ordered from harmless to grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule says nothing here: by what the object is, or because another rule's failure
    /// already says it.
    NotApplicable,
    /// It was seen to be as it should.
    Pass,
    /// It works, but not as one would wish.
    Warn,
    /// What would prove it could not be seen.
    Unknown,
    /// It was seen not to be as it must.
    Fail,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The whole machine; `host` in a document.
    Host,
    /// A function; its full address in a document.
    Function(Address),
}

/// One file, or other place, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The place, below the root that was looked at, without a leading slash.
    pub path: String,
    /// What was there, or why it could not be seen.
    pub value: String,
}

/// What one rule found of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// What it says.
    pub verdict: Verdict,
    /// The rule whose failure explains this one; with [`Verdict::NotApplicable`] alone.
    pub because: Option<&'static str>,
    /// Of what.
    pub object: Object,
    /// In one line, without the object's name.
    pub summary: String,
    /// What proves it.
    pub evidence: Vec<Evidence>,
    /// What mends it, in the order to try.
    pub fixes: Vec<String>,
}

impl Finding {
    /// How much the rule weighs.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let rule = RULES.iter().find(|rule| rule.id == self.rule);
        rule.map_or(Weight::Requirement, |rule| rule.weight)
    }
}

impl Object {
    /// The function, if it is one.
    #[must_use]
    pub const fn address(self) -> Option<Address> {
        match self {
            Self::Host => None,
            Self::Function(address) => Some(address),
        }
    }

    /// As people say it: `host`, or the short address.
    #[must_use]
    pub fn short(self) -> String {
        self.address().map_or_else(|| "host".into(), Address::short)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Function(address) => address.fmt(f),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotApplicable => "not-applicable",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        })
    }
}
