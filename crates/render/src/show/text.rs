//! One function in full, as text.

use virtfn_host::Netdev;
use virtfn_pci::{Address, CapabilityId};

use super::capability::describe;
use super::{Region, Show, Sriov};
use crate::Page;
use crate::list::Kind;
use crate::paint::Tone;
use crate::words::{plain, size, speed};

/// Lines of one part: what, and what it is.
type Lines = Vec<(String, String)>;

impl Show {
    /// The function in words: what it is first, then part by part.
    #[must_use]
    pub fn text(&self, _page: Page) -> String {
        let mut text = format!(
            "{}  {}\n{}\n",
            Tone::Heading.paint(&self.address.short()),
            plain(&self.name),
            self.verdict()
        );
        for (heading, lines) in [
            ("Identity", self.identity()),
            ("Driver", self.drivers()),
            ("IOMMU", self.iommu()),
            ("Network", self.network()),
            ("Virtual functions", self.sriov.as_ref().map(vfs).unwrap_or_default()),
            ("Settings", self.setting_lines()),
            ("Memory and ports", self.regions()),
            ("Capabilities", self.capability_lines()),
            ("Used by", self.users()),
            ("Not seen", self.unseen_lines()),
        ] {
            push_part(heading, &lines, &mut text);
        }
        text
    }

    fn verdict(&self) -> String {
        let mut parts = vec![match (self.kind, &self.sriov, self.pf, self.vf_index) {
            (Kind::Pf, Some(sriov), ..) => {
                format!("PF, {} of {} VFs", sriov.vfs.len(), sriov.total_vfs)
            }
            (Kind::Vf, _, Some(pf), Some(index)) => format!("VF {index} of {}", pf.short()),
            (Kind::Vf, _, Some(pf), None) => format!("VF that {} is losing", pf.short()),
            _ => self.class_name.to_owned(),
        }];
        parts.push(match &self.driver {
            Some(driver) => format!("driver {}", plain(driver)),
            None => "no driver".into(),
        });
        parts.push(match self.iommu_group {
            Some(id) => format!("IOMMU group {id}"),
            None => "no IOMMU group".into(),
        });
        parts.join(", ")
    }

    fn identity(&self) -> Lines {
        let mut lines = vec![
            line("address", self.address.to_string()),
            line("libvirt", self.libvirt_name.clone()),
            line("vendor:device", format!("{:04x}:{:04x}", self.vendor, self.device)),
        ];
        if let Some(ids) = self.subsystem {
            lines.push(line("subsystem", format!("{:04x}:{:04x}", ids.vendor, ids.device)));
        }
        let revision = self.revision.map(|revision| format!(", revision {revision:02x}"));
        let revision = revision.unwrap_or_default();
        lines.push(line("class", format!("{} ({:06x}){revision}", self.class_name, self.class)));
        lines.extend(self.serial.clone().map(|serial| line("serial number", serial)));
        lines.push(line(
            "above it",
            self.parent.map_or_else(|| "a root bus".into(), Address::short),
        ));
        lines.extend(self.numa_node.map(|node| line("NUMA node", node.to_string())));
        lines.extend(self.link.as_ref().map(|link| {
            let text = format!(
                "{} x{}, of {} x{}",
                link.speed, link.width, link.max_speed, link.max_width
            );
            line("PCIe link", text)
        }));
        lines
    }

    fn drivers(&self) -> Lines {
        let mut lines = vec![line("driver", self.driver.clone().unwrap_or_else(|| "-".into()))];
        lines.extend(self.driver_override.clone().map(|name| line("override", name)));
        lines.extend(self.modules.as_ref().map(|names| line("modules", or_none(names))));
        lines.extend(self.reset_methods.as_ref().map(|names| line("resets", or_none(names))));
        lines
    }

    fn iommu(&self) -> Lines {
        let mut lines = vec![line(
            "translated",
            if self.behind_iommu { "yes" } else { "no: the kernel ties it to no IOMMU" }.to_owned(),
        )];
        if let Some(id) = self.iommu_group {
            let members: Vec<String> = self.group_members.iter().map(|a| a.short()).collect();
            lines.push(line("group", format!("{id}: {}", members.join(" "))));
        }
        lines
    }

    fn network(&self) -> Lines {
        self.netdevs.iter().map(|netdev| line(&netdev.name, describe_netdev(netdev))).collect()
    }

    fn setting_lines(&self) -> Lines {
        let Some(settings) = &self.settings else { return Vec::new() };
        let told = |what: &str, value: Option<String>| {
            line(what, value.unwrap_or_else(|| "- (its PF's driver does not say)".into()))
        };
        let vlan = settings.vlan.map(|id| match (id.value(), settings.qos, settings.proto) {
            (0, ..) => "none".to_owned(),
            (id, qos, proto) => {
                let qos = qos.map(|qos| format!(", priority {qos}")).unwrap_or_default();
                let proto = proto.map(|proto| format!(", {proto}")).unwrap_or_default();
                format!("{id}{qos}{proto}")
            }
        });
        let mac = settings.mac.map(|mac| match mac.is_zero() {
            true => "none: the VF's driver picks its own".to_owned(),
            false => mac.to_string(),
        });
        let rates = settings.min_rate.zip(settings.max_rate);
        let rates = rates.map(|(min, max)| match (min.value(), max.value()) {
            (0, 0) => "no limit".to_owned(),
            (min, 0) => format!("at least {min} Mb/s"),
            (0, max) => format!("at most {max} Mb/s"),
            (min, max) => format!("{min} to {max} Mb/s"),
        });
        let port = self.port.iter().flat_map(|port| {
            let group = port.group.as_ref().map(|group| line("rate group", group.clone()));
            let may = port.capabilities.iter().map(|(one, on)| line(one.name(), on.to_string()));
            let queues = port.max_io_eqs.map(|queues| line("max_io_eqs", queues.to_string()));
            group.into_iter().chain(may).chain(queues).collect::<Lines>()
        });
        let settings = vec![
            told("MAC", mac),
            told("VLAN", vlan),
            told("spoof check", settings.spoofchk.map(|v| v.to_string())),
            told("trust", settings.trust.map(|v| v.to_string())),
            told("link", settings.link.map(|v| v.to_string())),
            told("rate", rates),
        ];
        settings.into_iter().chain(port).collect()
    }

    fn regions(&self) -> Lines {
        self.resources.iter().flatten().map(describe_region).collect()
    }

    fn capability_lines(&self) -> Lines {
        let capability = |found: &virtfn_pci::Found| {
            let place = match found.id {
                CapabilityId::Standard(_) => format!("{:02x}", found.offset),
                CapabilityId::Extended(_) => format!("{:03x}", found.offset),
            };
            let said = describe(&found.body).map(|said| format!(": {said}")).unwrap_or_default();
            line(&place, format!("{}{said}", found.id))
        };
        self.capabilities.iter().flatten().map(capability).collect()
    }

    fn users(&self) -> Lines {
        let holders = self.holders.iter().flatten();
        holders.map(|holder| line("", holder.to_string())).collect()
    }

    fn unseen_lines(&self) -> Lines {
        let unseen = self.unseen.iter();
        unseen.map(|unseen| line(unseen.what, format!("{}: {}", unseen.path, unseen.why))).collect()
    }
}

fn vfs(sriov: &Sriov) -> Lines {
    let mut lines = vec![line("VFs", format!("{} of {}", sriov.vfs.len(), sriov.total_vfs))];
    lines.extend(sriov.vf_device.map(|id| line("their device", format!("{id:04x}"))));
    lines.extend(sriov.vf_modules.as_ref().map(|names| line("their modules", or_none(names))));
    lines.extend(sriov.autoprobe.map(|on| {
        let said = if on {
            "on: new VFs get a driver by themselves"
        } else {
            "off: new VFs stay without a driver"
        };
        line("autoprobe", said.to_owned())
    }));
    lines.extend(
        sriov
            .firmware_vfs
            .map(|most| line("firmware", format!("offers {most} from the device's next reset on"))),
    );
    lines.extend(sriov.eswitch.map(|mode| line("eswitch", mode.to_owned())));
    let groups = sriov.rate_groups.iter();
    lines.extend(groups.map(|(name, limits)| line("rate group", format!("{name}: {limits}"))));
    lines.extend(sriov.made_by.iter().map(|made| {
        line("made by", format!("module option max_vfs; {}: {}", made.path, made.value))
    }));
    let place = |vf: &super::VfPlace| line(&format!("VF {}", vf.index), vf.address.short());
    lines.extend(sriov.vfs.iter().map(place));
    lines
}

fn describe_netdev(netdev: &Netdev) -> String {
    let mut parts: Vec<String> = netdev.mac.iter().map(ToString::to_string).collect();
    parts.push(match (netdev.up, netdev.carrier, netdev.speed_mbps) {
        (false, ..) => "down".into(),
        (true, Some(false), _) => "up, no carrier".into(),
        (true, Some(true), Some(mbps)) => format!("up, {}", speed(mbps)),
        (true, ..) => "up".into(),
    });
    if netdev.is_representor() {
        parts.extend(netdev.port.as_ref().map(|port| format!("stands for {port}")));
    }
    parts.extend(netdev.mtu.map(|mtu| format!("mtu {mtu}")));
    parts.extend(netdev.master.as_ref().map(|master| format!("port of {master}")));
    parts.extend(netdev.addresses.iter().map(ToString::to_string));
    parts.join(", ")
}

fn describe_region(region: &Region) -> (String, String) {
    if region.unset {
        return line(&region.name, "wanted, and the kernel found no place for it".into());
    }
    let kind = match (region.io, region.prefetchable) {
        (true, _) => "ports",
        (false, true) => "memory, prefetchable",
        (false, false) => "memory",
    };
    line(&region.name, format!("0x{:x}, {} of {kind}", region.start, size(region.size)))
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(" ") }
}

fn line(what: &str, value: String) -> (String, String) {
    (what.to_owned(), value)
}

fn push_part(heading: &str, lines: &Lines, text: &mut String) {
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", Tone::Heading.paint(heading)));
    for (what, value) in lines {
        let said = format!("  {:14} {}", plain(what), plain(value));
        text.push_str(said.trim_end());
        text.push('\n');
    }
}
