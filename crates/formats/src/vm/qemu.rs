//! QEMU's words: `-device vfio-pci,…`, out and in.

use serde_json::{Map, Value};
use virtfn_pci::Address;

/// A function of the host in QEMU's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QemuDevice {
    /// Which.
    pub host: Address,
    /// Its name in QEMU, by which it is unplugged.
    pub id: Option<String>,
    /// The bus of the guest that it hangs on (`pci.1`, `rp0`).
    pub bus: Option<String>,
    /// The virtio interface that stays while this one is away for a migration.
    pub failover_pair: Option<String>,
}

/// A function of the host that somebody's arguments give away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VfioArg {
    /// By VFIO.
    Vfio(QemuDevice),
    /// By what is no more.
    Retired(Retired),
}

/// KVM's own device assignment, which VFIO has replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The argument, as it was written.
    pub written: String,
    /// Which function it gave.
    pub host: Option<Address>,
    /// The arguments to write instead.
    pub instead: String,
}

impl Retired {
    /// What became of it, a sentence without its end.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        "KVM's own device assignment (pci-assign, pcidevice) was taken out of Linux 4.12, and out of QEMU after it: VFIO does its work, behind the IOMMU alone"
    }
}

impl QemuDevice {
    /// A function, and nothing said of it.
    #[must_use]
    pub const fn new(host: Address) -> Self {
        Self { host, id: None, bus: None, failover_pair: None }
    }

    /// What follows `-device`.
    #[must_use]
    pub fn value(&self) -> String {
        let part = |key: &str, value: &Option<String>| {
            // A comma in a value is written twice.
            value.as_ref().map(|value| format!(",{key}={}", value.replace(',', ",,")))
        };
        let parts = [
            part("id", &self.id),
            part("bus", &self.bus),
            part("failover_pair_id", &self.failover_pair),
        ];
        format!("vfio-pci,host={}{}", self.host, parts.into_iter().flatten().collect::<String>())
    }

    /// The object of QMP's `device_add`, and of `-device` in JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                object.insert(key.to_owned(), Value::String(value));
            }
        };
        put("driver", Some("vfio-pci".into()));
        put("host", Some(self.host.to_string()));
        put("id", self.id.clone());
        put("bus", self.bus.clone());
        put("failover_pair_id", self.failover_pair.clone());
        Value::Object(object)
    }
}

/// The arguments that give these functions to a guest, in their order.
#[must_use]
pub fn qemu_args(devices: &[QemuDevice]) -> Vec<String> {
    devices.iter().flat_map(|device| ["-device".to_owned(), device.value()]).collect()
}

/// The functions of the host that QEMU's arguments give away: `-device vfio-pci,host=…` or
/// `,sysfsdev=…`, both in JSON too, with one dash or two; and what is retired.
///
/// A device that is handed over as an open file (`fd=`) or is no PCI function (a mediated device) has
/// no address here, and is left out.
#[must_use]
pub fn read_qemu_args(args: &[String]) -> Vec<VfioArg> {
    let mut found = Vec::new();
    let mut args = args.iter();
    while let Some(option) = args.next() {
        let name = option.strip_prefix("--").or_else(|| option.strip_prefix('-'));
        match name {
            Some("device") => found.extend(args.next().and_then(|value| read_device(value))),
            Some("pcidevice") => found.extend(
                args.next().map(|value| retired(format!("-pcidevice {value}"), &pairs(value))),
            ),
            _ => {}
        }
    }
    found
}

fn read_device(value: &str) -> Option<VfioArg> {
    let properties =
        if value.trim_start().starts_with('{') { json_pairs(value)? } else { pairs(value) };
    match get(&properties, "driver")? {
        // A variant driver on the host is plain vfio-pci to QEMU.
        "vfio-pci" | "vfio-pci-nohotplug" => vfio(&properties),
        "pci-assign" | "kvm-pci-assign" => Some(retired(format!("-device {value}"), &properties)),
        _ => None,
    }
}

type Pairs = Vec<(String, String)>;

fn vfio(properties: &Pairs) -> Option<VfioArg> {
    let own = |key: &str| get(properties, key).map(str::to_owned);
    Some(VfioArg::Vfio(QemuDevice {
        host: host_of(properties)?,
        id: own("id"),
        bus: own("bus"),
        failover_pair: own("failover_pair_id"),
    }))
}

fn host_of(properties: &Pairs) -> Option<Address> {
    let by_path = || get(properties, "sysfsdev")?.trim_end_matches('/').rsplit('/').next();
    address(get(properties, "host").or_else(by_path)?)
}

/// QEMU takes `b:10.0` too.
fn address(text: &str) -> Option<Address> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let hex = |text: &str| {
        let plain = (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u32::from_str_radix(text, 16).ok())?
    };
    let byte = |text: &str| u8::try_from(hex(text)?).ok();
    Address::new(hex(domain)?, byte(bus)?, byte(device)?, byte(function)?)
}

fn retired(written: String, properties: &Pairs) -> VfioArg {
    let host = host_of(properties);
    let instead = match host {
        Some(host) => {
            let id = get(properties, "id").or_else(|| get(properties, "name"));
            let device = QemuDevice { id: id.map(str::to_owned), ..QemuDevice::new(host) };
            format!("-device {}", device.value())
        }
        None => "-device vfio-pci,host=DDDD:BB:DD.F".to_owned(),
    };
    VfioArg::Retired(Retired { written, host, instead })
}

fn get<'p>(pairs: &'p Pairs, key: &str) -> Option<&'p str> {
    // The last one counts.
    pairs.iter().rev().find_map(|(name, value)| (name == key).then_some(value.as_str()))
}

/// `driver,key=value,…`: the first may go without its key, and a comma in a value is written twice.
fn pairs(value: &str) -> Pairs {
    let mut parts = vec![String::new()];
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let doubled = letter == ',' && letters.next_if_eq(&',').is_some();
        match (letter == ',' && !doubled, parts.last_mut()) {
            (true, _) => parts.push(String::new()),
            (false, Some(part)) => part.push(letter),
            (false, None) => {}
        }
    }
    let pair = |(number, part): (usize, String)| match part.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None if number == 0 => ("driver".to_owned(), part),
        None => (part, "on".to_owned()),
    };
    parts.into_iter().enumerate().map(pair).collect()
}

fn json_pairs(value: &str) -> Option<Pairs> {
    let object: Map<String, Value> = serde_json::from_str(value).ok()?;
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(object.into_iter().map(|(key, value)| (key, text(value))).collect())
}

#[cfg(test)]
mod tests;
