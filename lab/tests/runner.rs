//! The runner keeps its word: statuses, streams, limits, several commands at once, the broom.

use std::time::Duration;

use virtfn_lab as lab;

#[test]
fn a_command_answers_with_its_output_and_status() {
    let guest = lab::boot("one-port");
    let outcome = guest.run("echo out; echo err >&2; exit 5");
    outcome.exits(5);
    assert_eq!((outcome.stdout().as_str(), outcome.stderr().as_str()), ("out\n", "err\n"));
    guest.run("kill -9 $$").exits(137);
}

#[test]
fn much_output_arrives_whole() {
    let guest = lab::boot("one-port");
    let outcome = guest.run("head -c 3000000 /dev/zero | tr '\\0' x");
    assert_eq!(outcome.exits(0).stdout().len(), 3_000_000);
}

#[test]
fn standard_input_reaches_the_command() {
    let guest = lab::boot("one-port");
    let job = guest.spawn("tr a-z A-Z");
    job.write(b"words").unwrap();
    job.close_stdin().unwrap();
    assert_eq!(job.finish(lab::COMMAND_LIMIT).unwrap().stdout, b"WORDS");
}

#[test]
fn a_command_runs_while_another_does_not_end() {
    let guest = lab::boot("one-port");
    let mut endless = guest.spawn("exec tail -f /dev/null");
    guest.run("echo meanwhile").exits(0).says("meanwhile");
    assert!(endless.is_running());
    endless.kill().unwrap();
    assert_eq!(endless.finish(lab::COMMAND_LIMIT).unwrap().ending.status(), 137);
}

#[test]
fn a_command_that_leaves_a_child_behind_still_answers() {
    let guest = lab::boot("one-port");
    guest.run("tail -f /dev/null & echo started").exits(0).says("started");
}

#[test]
fn a_command_over_its_limit_is_an_error_that_tells_what_it_said() {
    let guest = lab::boot("one-port");
    let line = "echo first words; exec tail -f /dev/null";
    let error = guest.machine().run_line(line, Duration::from_secs(2)).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("still runs") && text.contains("first words"), "{text}");
}

#[test]
fn an_unknown_program_is_refused_by_name() {
    let guest = lab::boot("one-port");
    let error = guest.machine().run_argv(["no-such-program"], lab::COMMAND_LIMIT).unwrap_err();
    assert!(format!("{error:#}").contains("cannot start no-such-program"), "{error:#}");
}

#[test]
fn a_panic_ends_the_command_with_the_consoles_last_lines() {
    let guest = lab::fresh("one-port");
    let panic = guest.machine().run_line("echo c > /proc/sysrq-trigger", lab::COMMAND_LIMIT);
    let text = format!("{:#}", panic.unwrap_err());
    assert!(text.contains("the guest ended") && text.contains("sysrq triggered crash"), "{text}");
}

#[test]
fn the_broom_leaves_nothing() {
    let guest = lab::boot("one-port");
    guest.ok("echo 3 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    guest.ok("echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe");
    guest.ok("ip netns add elsewhere; mkdir -p /run/virtfn; (tail -f /dev/null &)");
    guest.ok("lab-guest tidy");
    assert_eq!(guest.vfs("01:00.0"), 0);
    assert_eq!(guest.attribute("01:00.0", "sriov_drivers_autoprobe"), "1");
    guest.eventually("! pidof tail && ! test -e /run/virtfn && test -z \"$(ip netns)\"");
}

#[test]
fn the_module_index_tells_the_truth() {
    for kernel in ["6.12", "6.1"] {
        let guest = lab::boot_on("seed", kernel);
        guest.ok("cd /lib/modules/$(uname -r) && cut -d: -f1 modules.dep | xargs ls > /dev/null");
        guest.ok("modprobe vfio-pci && test -e /dev/vfio/vfio");
    }
}
