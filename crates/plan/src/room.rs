//! Will the kernel make as many VFs? What is certain refuses, what is not is noted.

use virtfn_host::{Function, Host};
use virtfn_predict::{Cause, Down, Question, known, room};

use crate::error::PlanError;

/// What is to be noted of making `count` VFs on a PF.
///
/// # Errors
/// When the kernel would not make so many.
pub(crate) fn check(
    host: &Host,
    function: &Function,
    count: u16,
) -> Result<Vec<String>, PlanError> {
    let Some(room) = room(host, function) else {
        return Ok(Vec::new());
    };
    let pf = function.address;
    if let Some(limit) = room.refusal(count) {
        let (fits, cause) = (room.fits(), limit.cause.clone());
        return Err(match cause {
            Cause::Driver { .. } => PlanError::TooManyVfs { pf, asked: count, total: limit.most },
            cause => PlanError::NoRoom { pf, asked: count, fits, cause: Box::new(cause) },
        });
    }
    let doubts = room.unseen.iter().map(|doubt| {
        let unreadable = &doubt.unseen.unreadable;
        format!("{}: {} could not be seen: {unreadable}", pf.short(), question(doubt.about))
    });
    Ok(doubts.chain(without_link(host, function)).collect())
}

const fn question(question: Question) -> &'static str {
    match question {
        Question::Driver => "whether its driver can make VFs now",
        Question::Registers => "whether its SR-IOV registers agree",
        Question::Memory => "whether there is memory for its VFs",
        Question::Buses => "whether there are bus numbers for its VFs",
    }
}

/// VFs of a PF that is down are made, and have no link.
fn without_link(host: &Host, function: &Function) -> Option<String> {
    let matters = known(function).is_some_and(|known| known.down == Down::VfsWithoutLink);
    let mut netdevs = host.netdevs_of(function.address).peekable();
    let name = netdevs.peek()?.name.clone();
    let down = matters && netdevs.all(|netdev| !netdev.up);
    down.then(|| {
        format!("{name} is down: the VFs have no link until it is up (ip link set dev {name} up)")
    })
}
