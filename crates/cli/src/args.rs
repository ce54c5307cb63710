//! The command line: what is common to all commands.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, ValueEnum};
use virtfn_host::{BadValue, MacAddress};

use crate::commands::Command;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "virtfn",
    version,
    about = "Judge a host for SR-IOV, make virtual functions, hand them over, protect them",
    after_help = AFTER_HELP,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// When to use colour (NO_COLOR and CLICOLOR_FORCE are obeyed too)
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: Color,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
A DEVICE is a PCI address (0b:10.0, 0000:0b:10.0, pci_0000_0b_10_0), a network interface (eth0),
or a virtual function by its physical one: eth0/3, 0b:00.0/3, or 0b:00.0/any for an idle one.

Examples:
  virtfn doctor                      is this host ready, and if not, what mends it?
  virtfn list --tree                 the physical functions with their virtual ones
  virtfn show 0b:00.0                all about one function
  virtfn record host.tar.zst         this host as a file, for --root on another

Exit codes:
  0  done, ready, or nothing to do          1  failed, or doctor found a failure
  2  the command line made no sense         3  refused, to protect something in use
  4  plan, status: there is something to do 5  something that matters could not be seen";

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it so for all that is printed from here on.
    pub fn choose(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::Always.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// Which machine a command that only looks, looks at.
#[derive(Clone, Debug, Args)]
pub struct Root {
    /// Look at a recorded host instead of this one: a folder, or a file made by `virtfn record`
    #[arg(long, value_name = "DIR|RECORDING")]
    pub root: Option<PathBuf>,
}

/// For whom a command prints facts.
#[derive(Clone, Copy, Debug, Args)]
pub struct Json {
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

/// A VF's address, or the order to derive one from its PF's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacChoice {
    /// Derive one.
    Auto,
    /// This one.
    Given(MacAddress),
}

impl FromStr for MacChoice {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Given) }
    }
}
