//! Capabilities, a line each.

use virtfn_pci::capability::Capability;
use virtfn_pci::{Acs, Express, PortType, Sriov};

/// What a capability says, in one line; `None` where its name says it all.
pub(super) fn describe(capability: &Capability) -> Option<String> {
    Some(match capability {
        Capability::PowerManagement(power) => {
            let state = match power.state {
                0 => "D0",
                1 => "D1",
                2 => "D2",
                _ => "D3hot",
            };
            format!("version {}, in {state}", power.version)
        }
        Capability::Msi(msi) => {
            format!("{} of {} messages", msi.messages_enabled, msi.messages_capable)
                + on(msi.control.has(virtfn_pci::capability::MsiControl::ENABLE))
        }
        Capability::MsiX(msi) => format!(
            "{} messages, table in BAR {} at 0x{:x}{}",
            msi.count,
            msi.table.bar,
            msi.table.offset,
            on(msi.enabled)
        ),
        Capability::Express(express) => describe_express(express),
        Capability::Aer(aer) => {
            let seen: Vec<&str> =
                aer.uncorrectable.names().chain(aer.correctable.names()).collect();
            if seen.is_empty() { "no errors".into() } else { format!("errors: {}", seen.join(" ")) }
        }
        Capability::SerialNumber(serial) => serial.to_string(),
        Capability::Ari(ari) => format!("next function {}", ari.next_function),
        Capability::Acs(acs) => describe_acs(acs),
        Capability::Ats(ats) => {
            format!("queue depth {}{}", ats.queue_depth, on(ats.enabled))
        }
        Capability::Sriov(sriov) => describe_sriov(sriov),
        Capability::VendorExtended(vendor) => {
            format!("id {:04x}, revision {}, {} bytes", vendor.id, vendor.revision, vendor.len)
        }
        Capability::BridgeSubsystem(ids) => {
            format!("{:04x}:{:04x}", ids.subsystem.vendor, ids.subsystem.device)
        }
        Capability::Cut => "not read: it lies past what could be seen".into(),
        Capability::AdvancedFeatures(_)
        | Capability::PageRequests(_)
        | Capability::Pasid(_)
        | Capability::ResizableBars(_)
        | Capability::Dpc(_)
        | Capability::Named => return None,
    })
}

const fn on(enabled: bool) -> &'static str {
    if enabled { ", on" } else { ", off" }
}

/// What a function is on the fabric.
pub(super) const fn port(port: PortType) -> &'static str {
    match port {
        PortType::Endpoint => "endpoint",
        PortType::LegacyEndpoint => "legacy endpoint",
        PortType::RootPort => "root port",
        PortType::UpstreamPort => "switch, upstream port",
        PortType::DownstreamPort => "switch, downstream port",
        PortType::ExpressToPci => "PCI Express to PCI bridge",
        PortType::PciToExpress => "PCI to PCI Express bridge",
        PortType::IntegratedEndpoint => "integrated endpoint",
        PortType::EventCollector => "event collector",
        PortType::Unknown(_) => "of an unknown type",
    }
}

fn describe_express(express: &Express) -> String {
    let mut text = format!("version {}, {}", express.version, port(express.port));
    if express.has_function_level_reset() {
        text.push_str(", function level reset");
    }
    if express.port.is_downstream() {
        text.push_str(if express.forwards_ari() {
            ", ARI forwarding on"
        } else {
            ", ARI forwarding off"
        });
    }
    text
}

fn describe_acs(acs: &Acs) -> String {
    let words = |flags: virtfn_pci::AcsFlags| {
        let names: Vec<&str> = flags.names().collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    format!("can {}; on {}", words(acs.capability), words(acs.control))
}

fn describe_sriov(sriov: &Sriov) -> String {
    let names: Vec<&str> = sriov.control.names().collect();
    let control = if names.is_empty() { "off".to_owned() } else { names.join(" ") };
    format!(
        "{} of {} VFs, offset {}, stride {}, device {:04x}, {control}",
        sriov.enabled_vfs(),
        sriov.total_vfs,
        sriov.first_vf_offset,
        sriov.vf_stride,
        sriov.vf_device
    )
}
