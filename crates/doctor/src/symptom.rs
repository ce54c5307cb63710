//! What the kernel's log says went wrong.

use virtfn_host::{Host, Seen};

use crate::opinion::Opinion;

/// A log that is full of one message is not told to its end.
const MAX_TOLD: usize = 4;

/// Something that the kernel says when it happens.
pub(crate) struct Symptom {
    /// The kernel's texts, each as the parts that stand in it, in this order.
    pub(crate) texts: &'static [&'static [&'static str]],
    /// What is wrong when one of them is there.
    pub(crate) found: &'static str,
    /// What is well when none is.
    pub(crate) clean: &'static str,
    /// What mends it.
    pub(crate) fixes: &'static [&'static str],
}

impl Symptom {
    /// Judges by the whole log.
    pub(crate) fn judge(&self, host: &Host) -> Opinion {
        self.judge_lines(host, |_| true)
    }

    /// Judges by the lines that `concerns` us. A line that is not there proves nothing unless the
    /// log is whole.
    pub(crate) fn judge_lines(&self, host: &Host, concerns: impl Fn(&str) -> bool) -> Opinion {
        let lines = match &host.kernel.log {
            Seen::Known(lines) => lines,
            seen => {
                return Opinion::unknown("the kernel's log, which would tell, could not be seen")
                    .missed("kernel.log", seen);
            }
        };
        let said: Vec<&String> =
            lines.iter().filter(|line| self.is_in(line) && concerns(line)).collect();
        let Some(last) = said.len().checked_sub(1) else {
            return self.silence(lines);
        };
        let opinion = match last {
            0 => Opinion::warn(self.found),
            _ => Opinion::warn(format!("{} ({} times)", self.found, said.len())),
        };
        let newest = said.iter().skip(said.len().saturating_sub(MAX_TOLD));
        let opinion =
            newest.fold(opinion, |opinion, line| opinion.saw("kernel.log", line.as_str()));
        opinion.fixes(self.fixes.iter().map(|fix| (*fix).to_owned()))
    }

    fn silence(&self, lines: &[String]) -> Opinion {
        if is_whole(lines) {
            let told = format!("whole, {} lines, no word of it", lines.len());
            return Opinion::pass(self.clean).saw("kernel.log", told);
        }
        Opinion::unknown("the kernel's log has lost its beginning, which would tell")
            .saw("kernel.log", "its beginning was pushed out")
            .fix("keep more of it: log_buf_len=4M on the kernel's command line")
    }

    fn is_in(&self, line: &str) -> bool {
        let has_all = |parts: &[&str]| {
            let rest = parts.iter().try_fold(line, |rest, part| {
                rest.find(part).and_then(|at| rest.get(at + part.len()..))
            });
            rest.is_some()
        };
        self.texts.iter().any(|parts| has_all(parts))
    }
}

/// Does the log reach back to the kernel's first words?
pub(crate) fn is_whole(lines: &[String]) -> bool {
    lines.iter().take(3).any(|line| line.contains("Linux version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Symptom = Symptom {
        texts: &[&["DMAR: [", "] Request device [", "fault"], &["AMD-Vi: Event logged"]],
        found: "bad",
        clean: "good",
        fixes: &["mend"],
    };

    #[test]
    fn parts_stand_in_order() {
        let line = "DMAR: [DMA Read NO_PASID] Request device [3b:02.0] fault addr 0x0";
        assert!(FAULT.is_in(line));
        assert!(!FAULT.is_in("fault DMAR: [DMA Read] Request device ["));
        assert!(!FAULT.is_in(""));
        assert!(FAULT.is_in("AMD-Vi: Event logged [IO_PAGE_FAULT device=3b:02.0"));
    }
}
