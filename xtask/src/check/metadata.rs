//! What cargo knows of the workspace and its dependencies, read without a network.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use virtfn_lab::programs::stdout_of;

use crate::workspace;

/// The part of `cargo metadata` that is looked at.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

/// One package, of the workspace or not.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    /// `None` for a package of the workspace.
    pub(crate) source: Option<String>,
    pub(crate) manifest_path: String,
    pub(crate) dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

/// A line of a package's dependencies.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for an ordinary one, `dev` or `build` else.
    pub(crate) kind: Option<String>,
    pub(crate) path: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Metadata {
    /// Asks cargo, for the platform that is shipped.
    ///
    /// # Errors
    /// When the lock file does not fit the manifests, or a dependency was never downloaded.
    pub(crate) fn read() -> Result<Self> {
        let mut command = workspace::cargo();
        command.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
        command.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
        serde_json::from_str(&stdout_of(&mut command)?).context("cargo metadata")
    }

    /// The workspace's own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Every foreign package that ends up inside a member's program: ordinary dependencies, without
    /// the macros, which only run while it is built.
    pub(crate) fn shipped_in(&self, member: &str) -> Vec<&Package> {
        let packages: BTreeMap<&str, &Package> =
            self.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let nodes: BTreeMap<&str, &Node> =
            self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut open: Vec<&str> =
            self.members().filter(|p| p.name == member).map(|p| p.id.as_str()).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            let is_macro = packages.get(id).is_some_and(|package| package.is_macro());
            if !is_macro && seen.insert(id) {
                let edges = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                open.extend(edges.filter(|edge| edge.is_ordinary()).map(|edge| edge.pkg.as_str()));
            }
        }
        seen.iter()
            .filter_map(|id| packages.get(id).copied())
            .filter(|p| p.source.is_some())
            .collect()
    }
}

impl Package {
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

impl Edge {
    fn is_ordinary(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}
