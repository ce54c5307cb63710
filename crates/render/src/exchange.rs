//! `virtfn import`, `virtfn export` and `virtfn adopt`: configuration as a policy, a policy as
//! configuration, and what goes from one owner to another.

use serde::Serialize;

use crate::plan::PlannedStep;
use crate::words::plain;
use crate::{Document, Page};

/// `virtfn.import/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ImportView {
    schema: &'static str,
    /// The format that was read, or `live`.
    pub format: String,
    /// The policy file that says the same.
    pub policy: String,
    /// What bears on SR-IOV and is not in that policy.
    pub lost: Vec<Told>,
    /// What is wrong with the files that were read.
    pub faults: Vec<Told>,
}

impl Document for ImportView {
    const SCHEMA: &'static str = "virtfn.import/1";
}

impl ImportView {
    /// The view of what was read.
    #[must_use]
    pub fn new(format: &str, policy: String, lost: Vec<Told>, faults: Vec<Told>) -> Self {
        Self { schema: Self::SCHEMA, format: format.to_owned(), policy, lost, faults }
    }
}

/// Something told of a place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Told {
    /// The file; `null` where it is about none.
    pub path: Option<String>,
    /// The line, from 1; `null` where it is about the file as a whole.
    pub line: Option<u32>,
    /// What.
    pub what: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.path, self.line) {
            (None, _) => f.write_str(&self.what),
            (Some(path), None) => write!(f, "{path}: {}", self.what),
            (Some(path), Some(line)) => write!(f, "{path}:{line}: {}", self.what),
        }
    }
}

/// `virtfn.export/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExportView {
    schema: &'static str,
    /// The format.
    pub format: String,
    /// Its files.
    pub files: Vec<WrittenFile>,
    /// What of the policy is not in them.
    pub lost: Vec<Told>,
}

impl Document for ExportView {
    const SCHEMA: &'static str = "virtfn.export/1";
}

/// One file of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WrittenFile {
    /// Where it belongs on a host: an absolute path.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl ExportView {
    /// The view of an export; paths are below the root, without a leading slash.
    #[must_use]
    pub fn new(format: &str, files: &[(String, String)], lost: Vec<Told>) -> Self {
        let file = |(path, text): &(String, String)| WrittenFile {
            path: format!("/{path}"),
            text: text.clone(),
        };
        let files = files.iter().map(file).collect();
        Self { schema: Self::SCHEMA, format: format.to_owned(), files, lost }
    }

    /// One file as it is, several behind a line with the name of each.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.files[..] {
            [only] => only.text.clone(),
            all => {
                let one = |file: &WrittenFile| format!("==> {} <==\n{}", file.path, file.text);
                all.iter().map(one).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// `virtfn.adopt/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdoptView {
    schema: &'static str,
    /// The PF's full address.
    pub pf: String,
    /// Was it done, or only shown?
    pub done: bool,
    /// The other owners, and what each lays down.
    pub owners: Vec<AdoptedClaim>,
    /// The policy's entry for the PF, as a policy file.
    pub policy: String,
    /// Files that are changed: the policy, and those of the other owners.
    pub files: Vec<ChangedFile>,
    /// What the other owners say and the policy does not.
    pub lost: Vec<Told>,
    /// What keeps it from being adopted, a sentence each.
    pub problems: Vec<String>,
    /// What applying the policy would do then, step by step.
    pub steps: Vec<PlannedStep>,
}

impl Document for AdoptView {
    const SCHEMA: &'static str = "virtfn.adopt/1";
}

/// What another owner lays down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdoptedClaim {
    /// Who.
    pub owner: String,
    /// The file.
    pub path: String,
    /// The line; `null` where the format has none.
    pub line: Option<u32>,
    /// What.
    pub what: String,
}

/// A file that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangedFile {
    /// Which: an absolute path.
    pub path: String,
    /// Where it is kept as it was; `null` for one that is new.
    pub backup: Option<String>,
    /// Lines that go, each as it stands there.
    pub without: Vec<String>,
    /// Lines that come.
    pub with: Vec<String>,
}

impl ChangedFile {
    /// The change from one text to another, line by line.
    #[must_use]
    pub fn of(path: &str, backup: Option<String>, before: &str, after: &str) -> Self {
        let (old, new): (Vec<&str>, Vec<&str>) =
            (before.lines().collect(), after.lines().collect());
        let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let most = old.len().min(new.len()) - head;
        let same = |(old, new): &(&&str, &&str)| old == new;
        let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count().min(most);
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Self {
            path: path.to_owned(),
            backup,
            without: owned(&old[head..old.len() - tail]),
            with: owned(&new[head..new.len() - tail]),
        }
    }
}

impl AdoptView {
    /// An empty view of a PF.
    #[must_use]
    pub fn new(pf: &str) -> Self {
        Self {
            schema: Self::SCHEMA,
            pf: pf.to_owned(),
            done: false,
            owners: Vec::new(),
            policy: String::new(),
            files: Vec::new(),
            lost: Vec::new(),
            problems: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// As a person reads it: what is true first, then file by file what changes.
    #[must_use]
    pub fn text(&self, _: Page) -> String {
        let mut text = self.headline();
        for claim in &self.owners {
            let line = claim.line.map(|line| format!(":{line}")).unwrap_or_default();
            text += &format!("  /{}{line}  {}: {}\n", claim.path, claim.owner, claim.what);
        }
        for file in &self.files {
            let backup = file.backup.as_ref().map(|path| format!("  (kept as {path})"));
            text += &format!("\n{}{}\n", file.path, backup.unwrap_or_default());
            file.without.iter().for_each(|line| text += &format!("  - {}\n", plain(line)));
            file.with.iter().for_each(|line| text += &format!("  + {}\n", plain(line)));
        }
        if !self.steps.is_empty() {
            text += "\nThen virtfn apply would do:\n";
            self.steps.iter().for_each(|step| text += &format!("  {}\n", plain(&step.summary)));
        }
        for lost in &self.lost {
            text += &format!("\nlost: {}\n", plain(&lost.to_string()));
        }
        text
    }

    fn headline(&self) -> String {
        let pf = &self.pf;
        match (self.owners.is_empty() && self.files.is_empty(), self.done) {
            (true, _) => format!("{pf} has no other owner; nothing was to do.\n"),
            (false, true) => {
                format!("{pf} is adopted: virtfn's policy declares it, and nobody else.\n")
            }
            (false, false) => format!("{pf} would be adopted from:\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_its_lines() {
        let change = ChangedFile::of("/a", None, "a\nb\nc\n", "a\nx\ny\nc\n");
        assert_eq!(
            (change.without, change.with),
            (vec!["b".to_owned()], vec!["x".into(), "y".into()])
        );
        let same = ChangedFile::of("/a", None, "a\n", "a\n");
        assert!(same.with.is_empty() && same.without.is_empty());
        assert_eq!(ChangedFile::of("/a", None, "", "a\na\n").with.len(), 2);
    }
}
