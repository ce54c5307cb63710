//! Does an option give every VF to VFIO?

use virtfn_host::{Function, Host, Seen};

use crate::evidence::flags;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "vfio-ids-capture-vfs",
    label: "VFIO ids",
    about: About::EachPf,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["sriov-missing"],
    judge: Judge::Each(judge),
    page: include_str!("vfio_ids_capture_vfs.md"),
};

fn judge(host: &Host, function: &Function) -> Opinion {
    let (line, options) = (&host.kernel.command_line, &host.kernel.module_options);
    let found: Vec<(String, String)> = claims(host, function).collect();
    if !found.is_empty() {
        let opinion = Opinion::warn("an option gives all its VFs to vfio-pci, from the boot on")
            .fix("remove the id of the VFs from ids=, and rebuild the initramfs if it holds the option")
            .fix("virtfn bind VF vfio-pci gives single VFs away");
        return found.into_iter().fold(opinion, |opinion, (path, text)| opinion.saw(path, text));
    }
    if line.known().is_none() || options.known().is_none() {
        return Opinion::unknown("whether an option gives its VFs to VFIO could not be seen")
            .missed("proc/cmdline", line)
            .missed("etc/modprobe.d", options);
    }
    Opinion::pass("no option gives its VFs away")
        .saw("proc/cmdline", "no vfio-pci.ids of its VFs")
        .saw("etc/modprobe.d", "no ids= of its VFs")
}

/// Where an option of vfio-pci names the kind of a PF's VFs.
pub(super) fn claims<'h>(
    host: &'h Host,
    function: &'h Function,
) -> impl Iterator<Item = (String, String)> + 'h {
    let device = function.pf().and_then(|pf| pf.vf_device.known().copied());
    let kind = device.map(|device| format!("{:04x}:{device:04x}", function.ids.vendor));
    let names = move |ids: &str| {
        kind.as_ref().is_some_and(|kind| {
            ids.split(',').any(|id| id.to_ascii_lowercase().starts_with(kind.as_str()))
        })
    };
    let on_line = flags(host).into_iter().filter_map(|flag| {
        let (name, ids) = flag.split_once('=')?;
        matches!(name, "vfio-pci.ids" | "vfio_pci.ids").then_some((flag, ids))
    });
    let on_line =
        on_line.map(|(flag, ids)| ("proc/cmdline".to_owned(), flag.to_owned(), ids.to_owned()));
    let options = match &host.kernel.module_options {
        Seen::Known(options) => options.as_slice(),
        Seen::Absent | Seen::Unreadable(_) => &[],
    };
    let in_files = options.iter().filter_map(|(path, line)| {
        let module = line.split_whitespace().nth(1)?;
        let ids = line.split_whitespace().find_map(|word| word.strip_prefix("ids="))?;
        let is_vfio = matches!(module, "vfio-pci" | "vfio_pci");
        is_vfio.then(|| (path.clone(), line.clone(), ids.to_owned()))
    });
    on_line
        .chain(in_files)
        .filter(move |(_, _, ids)| names(ids))
        .map(|(path, text, _)| (path, text))
}
