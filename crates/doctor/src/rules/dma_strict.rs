//! Does each packet of the host wait for the IOMMU?

use virtfn_host::{Host, Seen};

use crate::advice;
use crate::evidence::flags;
use crate::opinion::Opinion;
use crate::rule::{About, Judge, Rule, Weight};
use crate::uses::Uses;

pub(crate) const RULE: Rule = Rule {
    id: "dma-strict",
    label: "DMA mode",
    about: About::Host,
    matters_for: Uses::DPDK.and(Uses::CONTAINER),
    weight: Weight::Advice,
    follows: &["iommu-absent-in-firmware", "iommu-table-damaged", "iommu-off-in-kernel"],
    judge: Judge::Host(judge),
    page: include_str!("dma_strict.md"),
};

const STRICT: [&str; 3] = ["iommu.strict=1", "intel_iommu=strict", "amd_iommu=fullflush"];

fn judge(host: &Host) -> Opinion {
    let Seen::Known(line) = &host.kernel.command_line else {
        return Opinion::unknown("the kernel's command line could not be seen")
            .missed("proc/cmdline", &host.kernel.command_line);
    };
    let flags = flags(host);
    let strict: Vec<&str> = STRICT.into_iter().filter(|flag| flags.contains(flag)).collect();
    if strict.is_empty() {
        return Opinion::pass("nobody asked for the slow, strict mode")
            .saw("proc/cmdline", line.trim());
    }
    let groups = host.groups.values();
    let translated = groups.filter(|group| group.domain.known().is_some_and(|kind| kind == "DMA"));
    match translated.count() {
        0 => Opinion::pass("strict, and none of the host's devices is translated")
            .saw("proc/cmdline", line.trim()),
        count => {
            Opinion::warn("the host's own interfaces are slow: each buffer waits for the IOMMU")
                .saw("proc/cmdline", strict.join(" "))
                .saw("sys/kernel/iommu_groups/*/type", format!("{count} groups of type DMA"))
                .fixes(advice::command_line(&format!(
                    "remove {}, or add iommu=pt",
                    strict.join(" ")
                )))
                .fix("VMs are not touched by this")
        }
    }
}
