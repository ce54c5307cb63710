//! What other owners' configuration says of a function, for the rules about it.

use virtfn_host::{Applies, Claim, Claims, Demand, Function, Host, Seen};

use crate::evidence::list;
use crate::opinion::Opinion;

/// No opinion shows more places than this.
const MAX_SHOWN: usize = 6;

/// The claims about one function that a rule looks at.
pub(crate) struct Claimed<'h> {
    /// What is about it, and what may be.
    pub(crate) claims: Vec<(&'h Claim, Applies)>,
    all: &'h Claims,
}

impl<'h> Claimed<'h> {
    /// The claims about `function` that `wanted` wants; an opinion where none were to be seen.
    pub(crate) fn of(
        host: &'h Host,
        function: &'h Function,
        wanted: impl Fn(&Claim) -> bool,
    ) -> Result<Self, Opinion> {
        let Seen::Known(all) = &host.claims else {
            return Err(Opinion::unknown("what configuration says of it could not be seen")
                .missed("etc", &host.claims));
        };
        let about = all.found.iter().filter(|claim| wanted(claim));
        let judged = about.map(|claim| (claim, claim.applies(host, function)));
        Ok(Self { claims: judged.filter(|(_, applies)| *applies != Applies::No).collect(), all })
    }

    /// Those that are about it for certain.
    pub(crate) fn certain(&self) -> impl Iterator<Item = &'h Claim> {
        self.claims.iter().filter(|(_, applies)| *applies == Applies::Yes).map(|(claim, _)| *claim)
    }

    /// Those of which nobody can tell.
    pub(crate) fn doubtful(&self) -> impl Iterator<Item = &'h Claim> {
        self.claims.iter().filter(|(_, applies)| *applies == Applies::Perhaps).map(|(one, _)| *one)
    }

    /// A pass, unless there may be more: claims that may be about it, or files that were not read.
    pub(crate) fn pass(&self, summary: impl Into<String>) -> Opinion {
        let summary = summary.into();
        let doubtful: Vec<&Claim> = self.doubtful().collect();
        if !doubtful.is_empty() {
            let unsure =
                Opinion::unknown(format!("{summary}, but what may be about it too cannot be told"));
            return saw(unsure, doubtful);
        }
        if self.all.unseen.is_empty() {
            return Opinion::pass(summary);
        }
        let unsure = Opinion::unknown(format!("{summary}, but not every file could be read"));
        let unseen = self.all.unseen.iter().take(MAX_SHOWN);
        unseen.fold(unsure, Opinion::could_not_see)
    }
}

/// Shows where claims stand.
pub(crate) fn saw<'h>(opinion: Opinion, claims: impl IntoIterator<Item = &'h Claim>) -> Opinion {
    let shown = claims.into_iter().take(MAX_SHOWN);
    shown.fold(opinion, |opinion, claim| opinion.saw(claim.place(), claim.what.to_string()))
}

/// Does it lay down how many VFs there are?
pub(crate) fn is_count(claim: &Claim) -> bool {
    matches!(claim.what, Demand::Vfs(_))
}

/// The owners of some claims, each once.
pub(crate) fn owners<'h>(claims: impl IntoIterator<Item = &'h Claim>) -> String {
    let mut names: Vec<String> = Vec::new();
    for claim in claims {
        let name = claim.owner.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    list(names)
}
