//! `virtfn compare`: the ways in which a guest gets at a device, side by side, from what this device
//! and this host are.
//!
//! [`Comparison::of`] judges once, by pure functions, a file a group of questions; `text` and `html`
//! write it, and JSON is the value itself. Whether a way can be gone today is doctor's to say as far
//! as doctor has a rule for it (`today`).

mod card;
mod cell;
mod control;
mod facts;
mod guests;
mod html;
mod mark;
mod migration;
mod next;
mod paths;
mod picture;
mod question;
mod reach;
mod reason;
mod summary;
mod switching;
mod text;
mod today;
mod unseen;
mod way;

pub use cell::Cell;
pub use mark::Mark;
pub use reason::Reason;
pub use text::Detail;
pub use way::Way;

use serde::Serialize;
use virtfn_doctor::Finding;
use virtfn_host::{Function, Host};
use virtfn_pci::Address;

use self::cell::{Answer, Answers};
use self::facts::{Column, Facts};
use self::today::Standing;
use crate::Document;
use crate::list::Kind;
use crate::unseen::Unseen;
use crate::words;

/// `virtfn.compare/1`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    schema: &'static str,
    /// Which ways can be gone today, and what stands in the others, in one line.
    pub summary: String,
    /// What is compared.
    pub device: Device,
    /// The ways, in the order of the cells.
    pub ways: Vec<WayToday>,
    /// What was asked of every way; the first is whether it can be gone today.
    pub questions: Vec<Row>,
    /// What belongs here and could not be seen.
    pub unseen: Vec<Unseen>,
    /// What stands between a guest and the device, for the picture.
    #[serde(skip)]
    paths: [Vec<paths::Stop>; 4],
}

impl Document for Comparison {
    const SCHEMA: &'static str = "virtfn.compare/1";
}

/// The device.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Device {
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// What it is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// Its class in words.
    pub class_name: &'static str,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its own network interface on this host.
    pub netdev: Option<String>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
    /// The VF of the second column, where one is there.
    pub vf: Option<Example>,
}

/// The VF of the second column.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Example {
    /// Its number.
    pub index: u16,
    /// Its full address.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: Address,
    /// Was this one asked about? Else it stands for all.
    pub asked: bool,
}

/// A way, and whether it can be gone today.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WayToday {
    /// Which one.
    pub way: Way,
    /// Can it be gone today?
    pub today: Mark,
    /// What stands in it, or should be minded, the gravest first.
    pub reasons: Vec<Reason>,
    /// What to type for it; empty where it cannot be gone.
    pub next: Vec<String>,
}

/// A question, and what each way answers.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Row {
    /// The question's name.
    pub question: &'static str,
    /// What starts its row.
    pub label: &'static str,
    /// The question.
    pub asks: &'static str,
    /// An answer a way, in the order of `ways`.
    pub cells: Vec<Cell>,
}

impl Comparison {
    /// Compares the ways of one function, or of its PF where it is a VF, with what doctor found of
    /// that PF, its VFs and the host for VMs.
    #[must_use]
    pub fn of(host: &Host, asked: &Function, findings: &[Finding]) -> Self {
        let facts = Facts::of(host, asked, findings);
        let standings = today::standings(&facts);
        let applies = |way: usize| standings[way].mark != Mark::DoesNotApply;
        let first = row("today", "today", "Can this host do it today?", briefly(&standings));
        let others = question::ALL
            .iter()
            .map(|one| row(one.id, one.label, one.asks, masked((one.answer)(&facts), applies)));
        Self {
            schema: Self::SCHEMA,
            summary: summary::line(&facts, &standings),
            device: device(&facts),
            questions: std::iter::once(first).chain(others).collect(),
            unseen: unseen::of(&facts),
            paths: paths::of(&facts),
            ways: ways(&facts, standings),
        }
    }

    /// Could all that matters be seen?
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unseen.is_empty() && self.ways.iter().all(|way| way.today != Mark::Unknown)
    }
}

/// The address of the device that a comparison is about: a VF's PF.
#[must_use]
pub fn subject(host: &Host, asked: &Function) -> Address {
    let owner = asked.vf().map(|id| id.pf).filter(|pf| host.functions.contains_key(pf));
    owner.unwrap_or(asked.address)
}

fn row(question: &'static str, label: &'static str, asks: &'static str, answers: Answers) -> Row {
    let cells = answers.into_iter().zip(Way::ALL).map(|(answer, way)| answer.of(way));
    Row { question, label, asks, cells: cells.collect() }
}

/// A way that does not apply answers nothing.
fn masked(answers: Answers, applies: impl Fn(usize) -> bool) -> Answers {
    let mut way = 0;
    answers.map(|answer| {
        way += 1;
        if applies(way - 1) { answer } else { Answer::none() }
    })
}

fn briefly(standings: &[Standing; 4]) -> Answers {
    std::array::from_fn(|way| {
        let standing = &standings[way];
        let text = match standing.reasons.as_slice() {
            [] => standing.brief.clone(),
            [one] => one.brief.clone(),
            [first, others @ ..] => format!("{} (+{})", first.brief, others.len()),
        };
        let answer = Answer::marked(standing.mark, text);
        let first = standing.reasons.first().map_or(&[][..], |reason| &reason.evidence);
        first.iter().fold(answer, |answer, one| answer.saw(one.path.clone(), one.value.clone()))
    })
}

fn ways(facts: &Facts<'_>, standings: [Standing; 4]) -> Vec<WayToday> {
    let way = |(way, standing): (Way, Standing)| WayToday {
        way,
        today: standing.mark,
        next: next::commands(facts, way, standing.mark),
        reasons: standing.reasons,
    };
    Way::ALL.into_iter().zip(standings).map(way).collect()
}

fn device(facts: &Facts<'_>) -> Device {
    let function = facts.device;
    let vf = match facts.vf {
        Column::Asked(index, vf) => Some((index, vf, true)),
        Column::Made(index, vf) => Some((index, vf, false)),
        Column::ToCome | Column::None => None,
    };
    Device {
        address: function.address,
        kind: if function.pf().is_some() { Kind::Pf } else { Kind::Function },
        name: facts.host.names.of(function.ids.vendor, function.ids.device),
        class_name: words::class(function.ids.class),
        driver: function.driver.clone(),
        netdev: facts.netdev().map(|netdev| netdev.name.clone()),
        iommu_group: function.iommu_group,
        vf: vf.map(|(index, vf, asked)| Example { index: index.0, address: vf.address, asked }),
    }
}
