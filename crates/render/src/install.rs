//! `virtfn install` and `uninstall`: the files that come, change and go.

use serde::Serialize;

use crate::Document;

/// `virtfn.install/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstallView {
    schema: &'static str,
    /// Whether nothing was done: what would be.
    pub dry_run: bool,
    /// Each file.
    pub files: Vec<InstalledFile>,
    /// The commands that were run for the files to take effect, or would be.
    pub commands: Vec<String>,
}

impl Document for InstallView {
    const SCHEMA: &'static str = "virtfn.install/1";
}

/// One file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstalledFile {
    /// Its whole path.
    pub path: String,
    /// What happens to it.
    pub action: FileAction,
    /// What it holds then, or where the link points; `null` when it goes.
    pub text: Option<String>,
    /// Lines of a file shared with others that go (`-`) and come (`+`).
    pub diff: Vec<String>,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FileAction {
    /// It is so already.
    Same,
    /// It comes.
    Create,
    /// It becomes another.
    Change,
    /// It goes.
    Remove,
}

impl InstallView {
    /// A view of what was done, or would be.
    #[must_use]
    pub fn new(dry_run: bool) -> Self {
        Self { schema: Self::SCHEMA, dry_run, files: Vec::new(), commands: Vec::new() }
    }

    /// Whether something changes.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.files.iter().any(|file| file.action != FileAction::Same)
    }

    /// As a person reads it; `verdict` answers what was asked.
    #[must_use]
    pub fn text(&self, verdict: &str) -> String {
        let mut text = format!("{verdict}\n");
        for file in self.files.iter().filter(|file| file.action != FileAction::Same) {
            let sign = match file.action {
                FileAction::Create => '+',
                FileAction::Remove => '-',
                FileAction::Same | FileAction::Change => '~',
            };
            text += &format!("  {sign} {}\n", file.path);
            for line in &file.diff {
                text += &format!("      {line}\n");
            }
            if let Some(body) = file.text.as_ref().filter(|_| self.dry_run && file.diff.is_empty())
            {
                for line in body.lines() {
                    text += format!("      {line}").trim_end();
                    text.push('\n');
                }
            }
        }
        for command in &self.commands {
            text += &format!("  $ {command}\n");
        }
        text
    }
}
