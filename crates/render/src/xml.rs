//! `virtfn xml` and `virtfn qemu-args`: what is pasted where virtfn does not drive.

use serde::Serialize;

use crate::Document;

/// `virtfn.xml/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct XmlView {
    schema: &'static str,
    /// What it is: `nodedev`, `interface`, `hostdev`, `network`.
    pub kind: &'static str,
    /// The function that it is about.
    pub device: String,
    /// The XML.
    pub xml: String,
    /// What could not be seen, and may be missing in it.
    pub notes: Vec<String>,
}

impl Document for XmlView {
    const SCHEMA: &'static str = "virtfn.xml/1";
}

impl XmlView {
    /// A function's XML.
    #[must_use]
    pub const fn new(kind: &'static str, device: String, xml: String, notes: Vec<String>) -> Self {
        Self { schema: Self::SCHEMA, kind, device, xml, notes }
    }
}

/// `virtfn.qemu-args/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QemuArgsView {
    schema: &'static str,
    /// The arguments, one after another.
    pub args: Vec<String>,
    /// The functions, in the order in which they were named.
    pub devices: Vec<QemuArgsDevice>,
}

/// One function.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QemuArgsDevice {
    /// Where it is.
    pub address: String,
    /// What is in the way of giving it to QEMU now, a sentence each; none: it is ready.
    pub obstacles: Vec<String>,
    /// What to type about that.
    pub hints: Vec<String>,
}

impl Document for QemuArgsView {
    const SCHEMA: &'static str = "virtfn.qemu-args/1";
}

impl QemuArgsView {
    /// Arguments and functions.
    #[must_use]
    pub const fn new(args: Vec<String>, devices: Vec<QemuArgsDevice>) -> Self {
        Self { schema: Self::SCHEMA, args, devices }
    }

    /// The arguments on one line, to be pasted or put into a shell's command by `$(…)`: none has a
    /// character that a shell minds.
    #[must_use]
    pub fn text(&self) -> String {
        self.args.join(" ") + "\n"
    }
}
