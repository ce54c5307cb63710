//! Which modules would drive a function, by the kernel's alias table.

use std::collections::{BTreeMap, BTreeSet};

use virtfn_host::{Host, Role, Seen};
use virtfn_kernel::SysRoot;
use virtfn_pci::Address;

use crate::functions::Paths;
use crate::look::Look;

/// Reads the modules for every PF, its VFs, and the VFs it would make.
pub(crate) fn read(root: &SysRoot, host: &mut Host, paths: &Paths, look: &Look) {
    let mut wanted: BTreeMap<(Address, Whose), String> = BTreeMap::new();
    for function in host.functions.values().filter(|function| look.covers(function)) {
        if matches!(function.role, Role::Plain) && look.devices.is_none() {
            continue;
        }
        let Some(path) = paths.get(&function.address) else {
            continue;
        };
        let Seen::Known(alias) = root.text(&format!("{path}/modalias")) else {
            continue;
        };
        if let Some(device) = function.pf().and_then(|pf| pf.vf_device.known()) {
            wanted.insert((function.address, Whose::Vfs), of_vf(&alias, *device));
        }
        wanted.insert((function.address, Whose::Own), alias);
    }
    let table = table(root, host, &wanted.values().cloned().collect());
    for ((address, whose), alias) in wanted {
        let modules = table.as_ref().map(|table| matching(&table.drivers, &alias));
        let Some(function) = host.functions.get_mut(&address) else {
            continue;
        };
        match (whose, &mut function.role) {
            (Whose::Own, _) => {
                function.modules = modules;
                function.variants = table.as_ref().map(|table| matching(&table.variants, &alias));
            }
            (Whose::Vfs, Role::Pf(pf)) => {
                pf.vf_modules = modules;
                pf.vf_variants = table.as_ref().map(|table| matching(&table.variants, &alias));
            }
            (Whose::Vfs, _) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Own,
    Vfs,
}

/// The alias of a PF's VF: its vendor and class with the VFs' device ID.
fn of_vf(alias: &str, device: u16) -> String {
    match (alias.find('d'), alias.find("sv")) {
        (Some(at), Some(end)) if at < end => {
            format!("{}d{:08X}{}", &alias[..at], device, &alias[end..])
        }
        _ => alias.to_owned(),
    }
}

/// What fits any of the devices asked about: patterns, each with its module.
#[derive(Default)]
struct Table {
    /// Drivers.
    drivers: Vec<(String, String)>,
    /// VFIO drivers made for one kind of device (`alias vfio_pci:`), the closest fit first.
    variants: Vec<(String, String)>,
}

impl Table {
    fn add(&mut self, entry: Entry<'_>) {
        let list = if entry.is_variant { &mut self.variants } else { &mut self.drivers };
        list.push((entry.pattern.to_owned(), entry.module.to_owned()));
    }
}

/// A line of a table.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'t> {
    is_variant: bool,
    pattern: &'t str,
    module: &'t str,
}

/// The lines of `modules.alias` that fit any of `aliases`, and the same of what is built in.
fn table(root: &SysRoot, host: &Host, aliases: &BTreeSet<String>) -> Seen<Table> {
    let folder = match &host.kernel.release {
        Seen::Known(release) => format!("lib/modules/{release}"),
        Seen::Absent => return Seen::Absent,
        Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable.clone()),
    };
    let fits = |pattern: &str| aliases.iter().any(|alias| matches(pattern, alias));
    let lines = root.lines(&format!("{folder}/modules.alias"), |line| {
        parse_alias(line).is_some_and(|entry| fits(entry.pattern))
    });
    let mut table = Table::default();
    match lines {
        Seen::Known(lines) => {
            lines.iter().filter_map(|line| parse_alias(line)).for_each(|entry| table.add(entry));
        }
        Seen::Absent => return Seen::Absent,
        Seen::Unreadable(unreadable) => return Seen::Unreadable(unreadable),
    }
    let builtin = root.read(&format!("{folder}/modules.builtin.modinfo"));
    for line in builtin.known().into_iter().flat_map(|bytes| bytes.split(|byte| *byte == 0)) {
        let entry = std::str::from_utf8(line).ok().and_then(parse_builtin);
        if let Some(entry) = entry.filter(|entry| fits(entry.pattern)) {
            table.add(entry);
        }
    }
    table.variants.sort_by_key(|(pattern, _)| pattern.matches('*').count());
    Seen::Known(table)
}

/// `alias pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf`
fn parse_alias(line: &str) -> Option<Entry<'_>> {
    let (alias, module) = line.strip_prefix("alias ")?.rsplit_once(' ')?;
    parse_entry(alias, module)
}

/// `igb.alias=pci:v00008086d000010C9sv*sd*bc*sc*i*`
fn parse_builtin(entry: &str) -> Option<Entry<'_>> {
    let (module, alias) = entry.split_once(".alias=")?;
    parse_entry(alias, module)
}

fn parse_entry<'t>(alias: &'t str, module: &'t str) -> Option<Entry<'t>> {
    let (kind, pattern) = alias.split_once(':')?;
    let is_variant = match kind {
        "pci" => false,
        // vfio-pci itself fits every device.
        "vfio_pci" if module == "vfio_pci" => return None,
        "vfio_pci" => true,
        _ => return None,
    };
    Some(Entry { is_variant, pattern, module })
}

fn matching(table: &[(String, String)], alias: &str) -> Vec<String> {
    let mut modules: Vec<String> = Vec::new();
    for (_, module) in table.iter().filter(|(pattern, _)| matches(pattern, alias)) {
        if !modules.contains(module) {
            modules.push(module.clone());
        }
    }
    modules
}

/// Does `pattern`, in which `*` stands for anything, fit the text after `pci:` of `alias`?
fn matches(pattern: &str, alias: &str) -> bool {
    let mut rest = alias.trim().strip_prefix("pci:").unwrap_or(alias);
    let mut parts = pattern.split('*');
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else {
        return false;
    };
    rest = after;
    let mut open_end = !pattern.contains('*') && rest.is_empty();
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
        open_end = part.is_empty() || rest.is_empty();
    }
    open_end
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGBVF: &str = "v00008086d000010CAsv*sd*bc*sc*i*";

    #[test]
    fn aliases_fit_as_the_kernel_means_them() {
        let vf = "pci:v00008086d000010CAsv00008086sd0000A03Cbc02sc00i00";
        assert!(matches(IGBVF, vf));
        assert!(!matches(IGBVF, &vf.replace("10CA", "10C9")));
        assert!(matches("v*d*sv*sd*bc02sc00i*", vf));
        assert!(!matches("v*d*sv*sd*bc01sc08i02*", vf));
        assert!(matches("v*d*sv*sd*bc02sc00i00", vf));
        assert!(!matches("v*d*sv*sd*bc02sc00i01", vf));
    }

    #[test]
    fn a_vf_to_come_has_its_pfs_vendor_and_class() {
        let pf = "pci:v00008086d000010C9sv00008086sd0000A03Cbc02sc00i00";
        assert!(matches(IGBVF, &of_vf(pf, 0x10ca)));
    }

    #[test]
    fn lines_of_the_table_are_told_from_others() {
        let entry = |is_variant, pattern, module| Some(Entry { is_variant, pattern, module });
        assert_eq!(parse_alias("alias pci:v1d* igb"), entry(false, "v1d*", "igb"));
        let variant = parse_alias("alias vfio_pci:v1d* mlx5_vfio_pci");
        assert_eq!(variant, entry(true, "v1d*", "mlx5_vfio_pci"));
        assert_eq!(parse_alias("alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci"), None);
        assert_eq!(parse_alias("alias usb:v1d* igb"), None);
        assert_eq!(parse_builtin("nvme.alias=pci:v*"), entry(false, "v*", "nvme"));
    }
}
