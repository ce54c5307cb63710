//! The kernel is the oracle: what VFIO shows of a function's config space, and where its writes land,
//! is what `virtfn show --guest` foretells, byte by byte.

use std::fs;

use serde_json::Value;
use virtfn_lab::{self as lab, Guest};

/// A function on vfio-pci, and what was foretold of it.
struct Subject {
    guest: Guest,
    address: &'static str,
    registers: Vec<Register>,
}

/// One register of the document, byte by byte.
#[derive(Clone, Debug)]
struct Register {
    at: usize,
    name: String,
    reads: Vec<u8>,
    copy: Vec<u8>,
    straight: Vec<u8>,
    kept: Vec<u8>,
    acted: Vec<u8>,
}

/// What one write did: the bytes of either side, before and after.
struct Tried {
    at: usize,
    wrote: Vec<u8>,
    vfio: [Vec<u8>; 2],
    host: [Vec<u8>; 2],
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn mask(value: &Value, len: usize) -> Vec<u8> {
    match value.as_str().unwrap() {
        "none" => vec![0; len],
        "all" => vec![0xff; len],
        bits => {
            let bits = u32::from_str_radix(bits.trim_start_matches("0x"), 16).unwrap();
            bits.to_le_bytes()[..len].to_vec()
        }
    }
}

impl Register {
    fn of(told: &Value) -> Self {
        let len = usize::try_from(told["len"].as_u64().unwrap()).unwrap();
        let owner = told["capability"].as_str().unwrap_or("Header");
        Self {
            at: usize::try_from(told["at"].as_u64().unwrap()).unwrap(),
            name: format!("{owner}: {}", told["name"].as_str().unwrap()),
            reads: hex(&told["reads"]),
            copy: mask(&told["copy"], len),
            straight: mask(&told["straight"], len),
            kept: mask(&told["kept"], len),
            acted: mask(&told["acted"], len),
        }
    }

    fn is_bar(&self) -> bool {
        self.name.starts_with("Header: BAR") || self.name == "Header: ROM"
    }
}

impl Subject {
    /// Binds the function to vfio-pci, opens it, and compares what is read.
    #[track_caller]
    fn of(guest: Guest, address: &'static str) -> Self {
        guest.ok(&format!("virtfn bind {address} vfio-pci"));
        let seen = guest.json(&format!("lab-guest view {address} < /dev/null"));
        let told = seen["foretold"]["registers"].as_array().unwrap();
        assert_eq!(seen["foretold"]["whole"], true);
        let registers: Vec<Register> = told.iter().map(Register::of).collect();
        let (vfio, host) = (hex(&seen["vfio"]), hex(&seen["host"]));
        assert_eq!(vfio.len(), registers.iter().map(|one| one.reads.len()).sum::<usize>());
        for one in &registers {
            let there = one.at..one.at + one.reads.len();
            assert_eq!(vfio[there.clone()], one.reads, "{address} {:#x} {}", one.at, one.name);
            for (at, copy) in there.zip(&one.copy) {
                assert_eq!(vfio[at] & !copy, host[at] & !copy, "{address} {at:#x} {}", one.name);
            }
        }
        Self { guest, address, registers }
    }

    /// Inverts bits at places, each alone, and puts them back.
    #[track_caller]
    fn invert(&self, masks: &[(usize, Vec<u8>)]) -> Vec<Tried> {
        let line = |(at, mask): &(usize, Vec<u8>)| {
            let mask: String = mask.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{at:x} {mask}\n")
        };
        let lines: String = masks.iter().map(line).collect();
        let run = format!("lab-guest view {} << 'END'\n{lines}END", self.address);
        let seen = self.guest.json(&run);
        let tried = seen["tried"].as_array().unwrap().iter().map(|one| Tried {
            at: usize::try_from(one["at"].as_u64().unwrap()).unwrap(),
            wrote: hex(&one["wrote"]),
            vfio: [hex(&one["before"]["vfio"]), hex(&one["after"]["vfio"])],
            host: [hex(&one["before"]["host"]), hex(&one["after"]["host"])],
        });
        tried.collect()
    }

    /// Writes every byte, but for the bits at which the kernel acts. Returns how many bits changed
    /// in the hardware, and in VFIO's copy.
    #[track_caller]
    fn writes_land_as_foretold(&self) -> [u32; 2] {
        let (mut masks, mut owners) = (Vec::new(), Vec::new());
        for one in &self.registers {
            for (number, acted) in one.acted.iter().enumerate().filter(|(_, acted)| **acted != 0xff)
            {
                masks.push((one.at + number, vec![!acted]));
                owners.push((one, number));
            }
        }
        let mut changed = [0, 0];
        for (tried, (one, number)) in self.invert(&masks).iter().zip(owners) {
            let told = format!("{} {:#x} {}", self.address, tried.at, one.name);
            let [before, after] = [0, 1].map(|when| (tried.vfio[when][0], tried.host[when][0]));
            let (straight, kept) = (one.straight[number], one.kept[number]);
            let (copy, acted) = (one.copy[number], one.acted[number]);
            let in_hardware = before.1 ^ after.1;
            assert_eq!(in_hardware & !straight, 0, "{told}: reached the hardware");
            assert_eq!(after.0 & !copy, after.1 & !copy, "{told}: not the hardware's");
            if !one.is_bar() {
                let wanted = tried.wrote[0] & kept | before.0 & !kept;
                assert_eq!((after.0 ^ wanted) & copy & !acted, 0, "{told}: not the copy's");
            }
            changed[0] += in_hardware.count_ones();
            changed[1] += ((before.0 ^ after.0) & copy).count_ones();
        }
        changed
    }

    fn find(&self, name: &str) -> Option<&Register> {
        self.registers.iter().find(|one| one.name == name)
    }

    /// Inverts bits of one register.
    #[track_caller]
    fn try_one(&self, name: &str, mask: u32) -> Option<[[u32; 2]; 2]> {
        let one = self.find(name)?;
        let mask = mask.to_le_bytes()[..one.reads.len()].to_vec();
        let tried = self.invert(&[(one.at, mask)]);
        let number = |bytes: &Vec<u8>| {
            let mut four = [0; 4];
            four[..bytes.len()].copy_from_slice(bytes);
            u32::from_le_bytes(four)
        };
        let [tried] = &tried[..] else { panic!("{name}: tried once") };
        Some([tried.vfio.each_ref().map(number), tried.host.each_ref().map(number)])
    }

    /// Where the kernel acts, it acts as foretold.
    #[track_caller]
    fn the_kernel_acts(&self) {
        let [vfio, host] = self.try_one("Header: command", 1 << 10).unwrap();
        assert_eq!(vfio[1], vfio[0] ^ 1 << 10, "INTx disable is kept");
        assert_eq!((host[0] ^ host[1]) & !(1 << 10), 0);
        if let Some([vfio, host]) = self.try_one("PCI Express: device control", 1 << 12) {
            assert_eq!(vfio[1], vfio[0] ^ 1 << 12);
            // Set by the kernel, where the device has the register.
            let size = |control: u32| control >> 12 & 7;
            assert!([size(vfio[1]), size(host[0])].contains(&size(host[1])));
        }
        if let Some([vfio, host]) = self.try_one("Power Management: control and status", 3) {
            assert_eq!((vfio[1] & 3, host[1] & 3), (3, 3), "VFIO set the power state");
        }
        if let Some([vfio, host]) = self.try_one("MSI: control", 1) {
            assert_eq!((vfio[1] & 1, host[1] & 1), (0, 0), "MSI stays off");
        }
        // The reset bit reads 0, and what the guest set before it is back as it was.
        let reset = self.try_one("PCI Express: device control", 1 << 15);
        assert_eq!(reset.map(|[vfio, _]| vfio[1] >> 15), Some(0));
    }

    /// A BAR shows its size, and the real one stays where it is.
    #[track_caller]
    fn bars_show_sizes(&self) {
        let told = self.guest.json(&format!("virtfn show {} --guest --json", self.address));
        for region in told["regions"].as_array().unwrap() {
            let name = format!("Header: {}", region["name"].as_str().unwrap());
            let one = self.find(&name).unwrap();
            let now = u32::from_le_bytes(one.reads[..4].try_into().unwrap());
            let flags = if region["prefetchable"].is_null() { 3 } else { 0xf };
            // What is not set is set: all ones are written.
            let [vfio, host] = self.try_one(&name, !now).unwrap();
            let size = u32::try_from(region["size"].as_u64().unwrap()).unwrap();
            let rom = name.ends_with("ROM");
            let (flags, size) = if rom { (1, !(size - 1) | 1) } else { (flags, !(size - 1)) };
            assert_eq!(vfio[1] & !flags, size & !flags, "{} {name}", self.address);
            assert_eq!(host[0], host[1], "{} {name}", self.address);
        }
    }

    /// All of it; hands the machine back.
    #[track_caller]
    fn check(self) -> Guest {
        let [hardware, copy] = self.writes_land_as_foretold();
        assert!(hardware > 0 && copy > 0, "{}: {hardware} and {copy} bits", self.address);
        let [vfio, host] = self.try_one("Header: cache line size", 0x10).unwrap();
        assert_eq!((vfio[1], host[1]), (host[0] ^ 0x10, host[0] ^ 0x10), "straight");
        let [vfio, host] = self.try_one("Header: interrupt line", 0x10).unwrap();
        assert_eq!((vfio[1], host[1]), (vfio[0] ^ 0x10, host[0]), "a copy");
        self.the_kernel_acts();
        self.bars_show_sizes();
        self.guest.ok(&format!("virtfn bind {} --default", self.address));
        self.guest
    }
}

/// The kernels to ask.
fn kernels() -> &'static [&'static str] {
    if lab::thoroughly() { &["6.12", "6.1"] } else { &["6.12"] }
}

#[test]
fn the_card_and_its_vf_are_as_foretold() {
    for kernel in kernels() {
        let seed = lab::boot_on("seed", kernel);
        seed.ok("virtfn create 0b:00.0 --vfs 2");
        let seed = Subject::of(seed, "0b:10.0").check();
        Subject::of(seed, "0b:00.1").check();
    }
}

#[test]
fn an_nvme_drive_is_as_foretold() {
    let guest = lab::boot("small-window");
    Subject::of(guest, "01:00.0").check();
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guest-view.md");
const BEGIN: &str = "<!-- begin: written by the lab -->\n";
const END: &str = "<!-- end: written by the lab -->";

/// The output on the page is this machine's, but for the release of its kernel.
#[test]
fn the_page_shows_what_is_said_of_the_vf() {
    let seed = lab::boot("seed");
    seed.ok("virtfn create 0b:00.0 --vfs 2 && virtfn bind 0b:10.0 vfio-pci");
    let said = seed.ok("virtfn show 0b:10.0 --guest");
    let (before, rest) = said.split_once(" (here: ").unwrap();
    let now = format!("```\n{before}{}```\n", rest.split_once(')').unwrap().1);
    let page = fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(PAGE, format!("{head}{BEGIN}{now}{END}{tail}")).unwrap();
    } else {
        assert_eq!(shown, now, "to write it anew: UPDATE=1 cargo xtask lab test guest_view");
    }
}
