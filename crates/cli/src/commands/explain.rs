//! `virtfn explain`.

use virtfn_doctor::RULES;
use virtfn_render::explain::Explain;

use crate::args::Json;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;

/// Arguments of `virtfn explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  virtfn explain                        every rule, a line each
  virtfn explain acs-missing-on-path    one rule: what it means, how it is seen, what mends it")]
pub struct Args {
    /// The rule, as doctor names it; none: all of them
    rule: Option<String>,
    #[command(flatten)]
    json: Json,
}

pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Exit, Error> {
    let explain = match &args.rule {
        Some(id) => Explain::of([virtfn_doctor::explain(id).map_err(Error::Rule)?]),
        None => Explain::of(RULES),
    };
    let out = &mut context.out;
    match (args.json.json, &args.rule) {
        (true, _) => out.document(&explain)?,
        (false, Some(_)) => out.text(&explain.pages())?,
        (false, None) => out.text(&explain.table(out.page()))?,
    }
    Ok(Exit::Done)
}
