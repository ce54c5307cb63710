//! The colours and faces of a picture. Nothing is told by colour alone: a broken link has a cross
//! and a sentence, a group a border and a label, so that grey print and every eye can read it.
//!
//! Plain rules, without variables: programs that know little of CSS draw it too.

/// Hues that groups take in turn.
pub(super) const HUES: usize = 5;

/// For the picture.
pub(crate) const PICTURE: &str = "\
text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1c2126}
.paper{fill:#ffffff}
.sum{font-size:14px;font-weight:600}
.box{fill:#ffffff;stroke:#8b949e;stroke-width:1}
.port{fill:#f3f4f6}
.stack{fill:#ffffff;stroke:#b4bbc2}
.head{font-weight:600}
.faint{fill:#59636e}
.good{fill:#1f6f54}
.strong{fill:#b42318;font-weight:600}
.label{font-size:11px;fill:#59636e}
.link{fill:none;stroke:#8b949e;stroke-width:1.5}
.broken{fill:none;stroke:#d1341f;stroke-width:3}
.halo{fill:none;stroke:#ffffff;stroke-width:8}
.group{stroke-width:1.25;fill-opacity:.10;stroke-opacity:.65}
.guess{stroke-dasharray:5 4}
.alone{fill:none;stroke:#b4bbc2;stroke-width:1}
.h0{fill:#0072b2;stroke:#0072b2}
.h1{fill:#009e73;stroke:#009e73}
.h2{fill:#8250df;stroke:#8250df}
.h3{fill:#8a7a1f;stroke:#8a7a1f}
.h4{fill:#56b4e9;stroke:#3a90c0}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.paper{fill:#0d1117}
.box{fill:#161b22;stroke:#6e7681}
.port{fill:#21262d}
.stack{fill:#161b22;stroke:#484f58}
.faint,.label{fill:#9ba5b0}
.good{fill:#5fd0a5}
.strong{fill:#ff8f80}
.link{stroke:#6e7681}
.broken{stroke:#ff6b57}
.halo{stroke:#0d1117}
.group{fill-opacity:.16}
.alone{stroke:#484f58}
}
";

/// For the page around it.
pub(crate) const PAGE: &str = "\
:root{color-scheme:light dark}
body{margin:0;font:14px/1.5 system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;\
color:#1c2126;background:#ffffff}
main{padding:24px}
h1{font-size:20px;margin:0 0 8px}
h2{font-size:16px;margin:32px 0 8px}
pre{font:12px/1.5 ui-monospace,'DejaVu Sans Mono',monospace;margin:0;white-space:pre-wrap;\
overflow-wrap:anywhere}
h3{font-size:14px;margin:0}
h4{font-size:12px;margin:8px 0 0}
p{margin:4px 0}
ul,ol{margin:4px 0;padding-left:24px}
table{border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:2px 16px 2px 0;overflow-wrap:anywhere}
th{font-weight:600;white-space:nowrap}
.rule{font-size:12px;color:#59636e}
.finding{max-width:900px;margin:12px 0;padding:8px 16px;border-left:4px solid #8b949e}
.bad{border-left-color:#d1341f}
.warn{border-left-color:#b58100;border-left-style:double;border-left-width:6px}
.unknown{border-left-color:#8250df;border-left-style:dashed}
.bad .verdict{color:#b42318}
.picture{position:relative;width:max-content}
.scroll{overflow:auto;padding-bottom:160px}
.picture svg{display:block}
.more{position:absolute}
.more>summary{list-style:none;cursor:pointer;border-radius:4px;padding:0 5px;font-size:12px;line-height:16px;\
text-align:center;color:#59636e}
.more>summary::-webkit-details-marker{display:none}
.more>summary:hover,.more>summary:focus{background:#d0d7de;color:#1c2126}
.more[open]{z-index:2}
.more>div{position:absolute;right:0;top:20px;width:max-content;max-width:480px;max-height:360px;\
overflow:auto;background:#ffffff;border:1px solid #8b949e;border-radius:6px;padding:8px 12px;\
box-shadow:0 4px 16px #0004;font:12px/1.5 ui-monospace,'DejaVu Sans Mono',monospace}
.more>div>div{white-space:pre-wrap;overflow-wrap:anywhere}
@media (prefers-color-scheme:dark){
body{color:#e6edf3;background:#0d1117}
.rule{color:#9ba5b0}
.bad .verdict{color:#ff8f80}
.more>summary{color:#9ba5b0}
.more>summary:hover,.more>summary:focus{background:#30363d;color:#e6edf3}
.more>div{background:#161b22;border-color:#6e7681}
}
@media print{.more{display:none}.scroll{overflow:visible;padding:0}}
";
