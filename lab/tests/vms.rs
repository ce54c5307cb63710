//! Virtual machines on real libvirt and QEMU, inside the emulated host.

use virtfn_lab as lab;

#[test]
fn a_vm_inside_boots_and_answers() {
    let seed = lab::boot_system("seed");
    let vm = seed.define("MyGuest", "");
    vm.start();
    assert!(vm.ok("cat /proc/cmdline").contains("lab.nested"));
    let state = seed.ok("virsh domstate MyGuest");
    println!("{state} {}", vm.ok("lspci; free -m; uptime; cat /proc/uptime"));
}
