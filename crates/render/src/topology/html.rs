//! The picture as a page: what is folded opens on a click or tap, without a script.

use super::Topology;
use super::fold::What;
use super::layout::{LINE, Spot};
use super::style::PAGE;
use super::svg::Picture;
use crate::markup::escape;

impl Topology {
    /// The page: one file, with nothing from elsewhere.
    #[must_use]
    pub fn html(&self) -> String {
        page("Topology", &format!("<main>\n{}</main>\n", self.figure()))
    }

    /// The picture with what opens in it, for a page.
    pub(crate) fn figure(&self) -> String {
        let Picture { svg, layout } = self.picture();
        let mut html = format!("<div class=\"scroll\"><div class=\"picture\">\n{svg}");
        for spot in &layout.spots {
            push_more(spot, &mut html);
        }
        html.push_str("</div></div>\n");
        html
    }
}

/// A page that holds all it needs.
pub(crate) fn page(title: &str, body: &str) -> String {
    page_styled(title, "", body)
}

/// The same, with rules of its own for what no other page has.
pub(crate) fn page_styled(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\"/>\n<title>{}</title>\n<style>\n{PAGE}{style}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

/// The mark at a box that opens what else there is to know.
fn push_more(spot: &Spot, html: &mut String) {
    if spot.panel.details.is_empty() {
        return;
    }
    let what = match &spot.what {
        Some(What::Many(_)) => "open",
        _ => "···",
    };
    let right = spot.right() - 4;
    html.push_str(&format!(
        "<details class=\"more\" style=\"left:{right}px;top:{}px;transform:translateX(-100%)\">\
         <summary title=\"details\">{what}</summary><div>\n",
        spot.y + (LINE - 12) / 2
    ));
    for line in &spot.panel.details {
        html.push_str(&format!("<div>{}</div>\n", escape(line)));
    }
    html.push_str("</div></details>\n");
}
