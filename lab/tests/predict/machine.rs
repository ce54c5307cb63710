//! Machines that chance makes: trees of root ports, switches, bridges and cards, with ACS and
//! without. The same number makes the same machine.

use fastrand::Rng;
use virtfn_lab::Topology;

/// No machine has more PFs: each one's VFs cost a second of emulation.
const MOST_PFS: u32 = 2;

/// The machine of this number.
pub(crate) fn generate(number: u64) -> Topology {
    let mut builder = Builder { rng: Rng::with_seed(number), devices: Vec::new(), made: 0, pfs: 0 };
    builder.devices.push("intel-iommu,intremap=on,caching-mode=on".into());
    builder.host();
    let mut text = format!("about = \"number {number}\"\nmemory-mib = 1024\ndevices = [\n");
    for device in &builder.devices {
        text.push_str(&format!("  \"{device}\",\n"));
    }
    // Now and then the command line takes from the first root port what its ACS gives.
    let taken = if builder.one_in(3) { " pci=disable_acs_redir=00:05.0" } else { "" };
    text.push_str(&format!(
        "]\nkernel-arguments = \"intel_iommu=on iommu=pt{taken}\"\nmodules = [\"igb\"]\n\
         [expect]\npfs = []\nvfs-per-pf = 0\nvfs = []\niommu-groups = true\n",
    ));
    Topology::parse(&format!("generated-{number}"), &text).unwrap()
}

struct Builder {
    rng: Rng,
    devices: Vec<String>,
    /// A number for everything, so that no two have one id, chassis or slot.
    made: u32,
    pfs: u32,
}

impl Builder {
    fn next(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// With a chance of one in `of`.
    fn one_in(&mut self, of: u32) -> bool {
        self.rng.u32(0..of) == 0
    }

    /// Some root ports on bus 0, now and then several in one slot, and on a second root bus.
    fn host(&mut self) {
        let shared_slot = self.one_in(3);
        for at in 0..self.rng.u32(2..4) {
            let place = match (shared_slot, at) {
                (true, 0) => "bus=pcie.0,addr=5.0,multifunction=on".to_owned(),
                (true, at) => format!("bus=pcie.0,addr=5.{at}"),
                (false, at) => format!("bus=pcie.0,addr={:x}", 5 + at),
            };
            self.root_port(&place);
        }
        if self.one_in(3) {
            // Its requests may pass by the IOMMU, as on machines that keep one for the host alone.
            let bypass = if self.one_in(4) { ",bypass_iommu=on" } else { "" };
            self.devices.push(format!("pxb-pcie,id=pxb,bus=pcie.0,bus_nr=64,addr=9{bypass}"));
            let pfs = self.pfs;
            if !bypass.is_empty() {
                // Interrupts that pass by the emulated IOMMU do not arrive, and igb makes no VFs.
                self.pfs = MOST_PFS;
            }
            self.root_port("bus=pxb");
            self.pfs = if bypass.is_empty() { self.pfs } else { pfs };
        }
        if self.one_in(3) {
            self.card("pcie.0", Some(0xa));
        }
        if self.one_in(3) {
            self.chipset();
        }
    }

    /// What chipsets have of their own: functions without PCI Express in one slot, and bridges to
    /// conventional PCI on the root bus.
    fn chipset(&mut self) {
        match self.rng.u32(0..3) {
            0 => self.devices.extend([
                "ich9-usb-ehci1,id=usb,bus=pcie.0,addr=d.7,multifunction=on".to_owned(),
                "ich9-usb-uhci1,masterbus=usb.0,firstport=0,bus=pcie.0,addr=d.0,multifunction=on"
                    .to_owned(),
                "ich9-usb-uhci2,masterbus=usb.0,firstport=2,bus=pcie.0,addr=d.1".to_owned(),
            ]),
            which => {
                let number = self.next();
                let kind = if which == 1 {
                    format!("i82801b11-bridge,id=p{number}")
                } else {
                    format!("pci-bridge,id=p{number},chassis_nr={number}")
                };
                self.devices.push(format!("{kind},bus=pcie.0,addr=c"));
                self.devices.push(format!("e1000,bus=p{number},addr=1"));
                self.devices.push(format!("e1000,bus=p{number},addr=2"));
            }
        }
    }

    fn root_port(&mut self, place: &str) {
        let number = self.next();
        let acs = if self.one_in(3) { ",disable-acs=on" } else { "" };
        let kind = if acs.is_empty() && self.one_in(5) { "ioh3420" } else { "pcie-root-port" };
        self.devices
            .push(format!("{kind},id=p{number},{place},chassis={number},slot={number}{acs}"));
        self.below(&format!("p{number}"), 2);
    }

    /// Whatever may hang on a port.
    fn below(&mut self, bus: &str, depth: u32) {
        match self.rng.u32(0..6) {
            0 | 1 if depth > 0 => self.switch(bus, depth - 1),
            2 => self.bridge(bus),
            _ => self.card(bus, None),
        }
    }

    fn switch(&mut self, bus: &str, depth: u32) {
        let up = self.next();
        self.devices.push(format!("x3130-upstream,id=p{up},bus={bus}"));
        let shared_slot = self.one_in(4);
        for at in 0..self.rng.u32(1..4) {
            let down = self.next();
            let place = match (shared_slot, at) {
                (true, 0) => ",addr=0.0,multifunction=on".to_owned(),
                (true, at) => format!(",addr=0.{at}"),
                (false, at) => format!(",addr={at}"),
            };
            self.devices.push(format!(
                "xio3130-downstream,id=p{down},bus=p{up},chassis={down},slot={down}{place}"
            ));
            self.below(&format!("p{down}"), depth);
        }
    }

    /// A bridge to conventional PCI with cards behind it, now and then one more bridge.
    fn bridge(&mut self, bus: &str) {
        let number = self.next();
        self.devices.push(format!("pcie-pci-bridge,id=p{number},bus={bus}"));
        for at in 1..self.rng.u32(2..4) {
            self.devices.push(format!("e1000,bus=p{number},addr={at}"));
        }
        if self.one_in(2) {
            let second = self.next();
            self.devices
                .push(format!("pci-bridge,id=p{second},bus=p{number},chassis_nr={second},addr=8"));
            self.devices.push(format!("e1000,bus=p{second},addr=1"));
        }
    }

    /// A card: an 82576 with VFs to come, or one or two functions of an 82574, which has no ACS and
    /// no quirk.
    fn card(&mut self, bus: &str, slot: Option<u32>) {
        let slot = slot.unwrap_or(0);
        if self.pfs < MOST_PFS && slot == 0 && self.one_in(2) {
            self.pfs += 1;
            if self.pfs < MOST_PFS && self.one_in(3) {
                self.pfs += 1;
                let next = "multifunction=on,x-pcie-ari-nextfn-1=on";
                self.devices.push(format!("igb,bus={bus},addr=0.0,{next}"));
                self.devices.push(format!("igb,bus={bus},addr=0.1"));
            } else {
                self.devices.push(format!("igb,bus={bus},addr=0"));
            }
        } else if self.one_in(2) {
            self.devices.push(format!("e1000e,bus={bus},addr={slot:x}.0,multifunction=on"));
            self.devices.push(format!("e1000e,bus={bus},addr={slot:x}.1"));
        } else {
            let kinds = ["e1000e", "e1000e", "virtio-net-pci", "vmxnet3", "qemu-xhci"];
            let kind = kinds[self.rng.usize(0..kinds.len())];
            self.devices.push(format!("{kind},bus={bus},addr={slot:x}"));
        }
    }
}
