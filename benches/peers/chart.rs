//! One picture of a run: patch size of each pair relative to the best peer, then what diff and apply cost, all on
//! logarithmic scales.

use std::fmt::Write;

use crate::results::Outcome;
use crate::table::{Table, mean, size_ratio};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 40.0;
const ROW: f64 = 20.0;
const SMIDGE: &str = "#d9480f";
const PEER: &str = "#868e96";

pub fn svg(table: &Table) -> String {
    let mut body = String::new();
    let mut y = 30.0;
    sizes(table, &mut body, &mut y);
    type Figure = (&'static str, &'static str, fn(&Outcome) -> f64);
    let figures: [Figure; 4] = [
        ("diff time, s (geometric mean)", "s", |o| o.diff.wall_secs),
        ("diff peak memory, MiB (geometric mean)", "MiB", |o| o.diff.peak_bytes as f64 / 1048576.0),
        ("apply time, s (geometric mean)", "s", |o| o.apply.wall_secs),
        ("apply peak memory, MiB (geometric mean)", "MiB", |o| o.apply.peak_bytes as f64 / 1048576.0),
    ];
    for (title, _, of) in figures {
        bars(table, title, of, &mut body, &mut y);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

/// A dot for every coder on a line for every pair; 1 is the best peer.
fn sizes(table: &Table, body: &mut String, y: &mut f64) {
    let (low, high) = (1.0 / 16.0, 16.0);
    let x = |ratio: f64| scale(ratio, low, high);
    title(body, "patch size / best peer (left is smaller)", y);
    let (top, rows) = (*y, table.pairs());
    let bottom = top + ROW * rows.len() as f64;
    for power in -4..=4 {
        let tick = 2f64.powi(power);
        let stroke = if power == 0 { "#343a40" } else { "#dee2e6" };
        line(body, x(tick), top - 4.0, x(tick), bottom, stroke);
        let label = if power < 0 { format!("1/{}", 2f64.powi(-power)) } else { tick.to_string() };
        text(body, x(tick), bottom + 14.0, "middle", "#495057", &label);
    }
    for pair in rows {
        *y += ROW;
        let middle = *y - ROW / 2.0;
        text(body, LEFT - 10.0, middle + 4.0, "end", "#212529", pair);
        let Some(best) = table.best(pair) else { continue };
        // Smidge last, so that it lies on top.
        for coder in table.coders().into_iter().rev().filter(|coder| *coder != "whole, zstd 19") {
            let Some(bytes) = table.bytes(pair, coder) else { continue };
            let (fill, radius) = colour(coder);
            let at = x(size_ratio(bytes, best));
            let _ = writeln!(
                body,
                "<circle cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"{radius}\" fill=\"{fill}\" fill-opacity=\"0.8\">\
                 <title>{pair}: {coder} {bytes}</title></circle>"
            );
        }
    }
    *y += 40.0;
    let mut at = LEFT;
    for (label, coder) in
        [("smidge max", "smidge max"), ("default", "smidge default"), ("fast", "smidge fast"), ("peers", "")]
    {
        let (fill, radius) = colour(coder);
        let _ = writeln!(body, "<circle cx=\"{at}\" cy=\"{}\" r=\"{radius}\" fill=\"{fill}\"/>", *y - 4.0);
        text(body, at + 10.0, *y, "start", "#495057", label);
        at += 110.0;
    }
    *y += 30.0;
}

fn colour(coder: &str) -> (&'static str, f64) {
    match coder {
        "smidge max" => (SMIDGE, 5.0),
        "smidge default" => ("#f08c00", 4.5),
        "smidge fast" => ("#ffd43b", 4.0),
        _ => (PEER, 3.0),
    }
}

/// A bar for every coder: the geometric mean over the pairs that every shown coder has.
fn bars(table: &Table, heading: &str, of: fn(&Outcome) -> f64, body: &mut String, y: &mut f64) {
    let all = table.pairs().len();
    let count = |coder: &str| table.pairs().into_iter().filter(|pair| table.get(pair, coder).is_some()).count();
    // A coder that refuses many pairs would shrink the common ground of all.
    let coders: Vec<_> =
        table.coders().into_iter().filter(|c| *c != "whole, zstd 19" && count(c) * 4 >= all * 3).collect();
    let common: Vec<_> =
        table.pairs().into_iter().filter(|pair| coders.iter().all(|coder| table.get(pair, coder).is_some())).collect();
    let means: Vec<_> = coders
        .iter()
        .filter_map(|coder| Some((*coder, mean(common.iter().filter_map(|pair| Some(of(table.get(pair, coder)?))))?.0)))
        .collect();
    let values = || means.iter().map(|(_, value)| *value);
    if means.is_empty() {
        return;
    }
    let low = values().fold(f64::MAX, f64::min) / 2.0;
    let high = values().fold(0.0, f64::max) * 1.6;
    title(body, &format!("{heading}, {} pairs", common.len()), y);
    for (coder, value) in means {
        *y += ROW;
        let (fill, _) = colour(coder);
        text(body, LEFT - 10.0, *y - 6.0, "end", "#212529", coder);
        let width = scale(value, low, high) - LEFT;
        let _ = writeln!(
            body,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{fill}\"/>",
            *y - ROW + 3.0,
            ROW - 6.0
        );
        let label = if value < 1.0 { format!("{value:.3}") } else { format!("{value:.1}") };
        text(body, LEFT + width + 6.0, *y - 6.0, "start", "#495057", &label);
    }
    *y += 36.0;
}

fn scale(value: f64, low: f64, high: f64) -> f64 {
    let share = (value.clamp(low, high) / low).ln() / (high / low).ln();
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

fn title(body: &mut String, heading: &str, y: &mut f64) {
    let _ = writeln!(body, "<text x=\"20\" y=\"{y}\" font-size=\"15\" font-weight=\"600\">{heading}</text>");
    *y += 14.0;
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, fill: &str, label: &str) {
    let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{fill}\">{label}</text>");
}

fn line(body: &mut String, x1: f64, y1: f64, x2: f64, y2: f64, stroke: &str) {
    let _ = writeln!(body, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\"/>");
}
