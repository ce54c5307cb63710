//! Does udev follow the .link file that makes the PF's VFs?

use virtfn_host::{Claim, Function, Host, Owner, Seen};

use crate::claimed::{Claimed, saw};
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "link-file-not-effective",
    label: ".link file",
    about: About::EachPf,
    matters_for: Uses::ALL,
    weight: Weight::Advice,
    follows: &["pf-driver-missing"],
    judge: Judge::Each(judge),
    page: include_str!("link_file_not_effective.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let of_link =
        |claim: &Claim| claim.owner == Owner::Networkd && link_name(&claim.path).is_some();
    let claimed = match Claimed::of(host, function, of_link) {
        Ok(claimed) => claimed,
        Err(unseen) => return unseen,
    };
    let certain: Vec<&Claim> = claimed.certain().collect();
    let Some(first) = certain.first() else {
        return claimed
            .pass("no .link file makes its VFs")
            .saw("etc/systemd/network", "none of it");
    };
    let wanted = link_name(&first.path).unwrap_or_default();
    let files = match &host.platform.upkeep.link_files {
        Seen::Known(files) => files,
        seen => {
            return saw(
                Opinion::unknown("which .link file udev followed could not be seen"),
                certain,
            )
            .missed("run/udev/data", seen);
        }
    };
    let followed = function.netdevs.iter().find_map(|name| Some((name, files.get(name)?)));
    let Some((name, file)) = followed else {
        return saw(Opinion::unknown("udev knows no interface of it"), certain)
            .saw("run/udev/data", "no entry of its interface");
    };
    let place = format!("run/udev/data ({name}, ID_NET_LINK_FILE)");
    if link_name(file) == Some(wanted) {
        return saw(Opinion::pass("udev followed the .link file that makes its VFs"), certain)
            .saw(place, file.as_str());
    }
    let summary = match file.as_str() {
        "" => format!("udev followed no .link file: {wanted} makes none of its VFs"),
        file => format!("udev followed {file}: {wanted} makes none of its VFs"),
    };
    saw(Opinion::warn(summary), certain)
        .saw(place, if file.is_empty() { "none" } else { file.as_str() })
        .fix(format!("call it 10-{wanted}, so that it comes before 99-default.link and others that match"))
        .fix("build the initramfs anew, since interfaces are named there: update-initramfs -u, dracut -f")
        .fix("see what udev would follow: udevadm test-builtin net_setup_link /sys/class/net/PF")
}

/// The name of the .link file, of whose folder or drop-in it may be.
fn link_name(path: &str) -> Option<&str> {
    let path = path.trim_start_matches('/');
    let mut parts = path.rsplit('/');
    let last = parts.next()?;
    if last.ends_with(".link") {
        return Some(last);
    }
    parts.next()?.strip_suffix(".d").filter(|name| name.ends_with(".link"))
}
