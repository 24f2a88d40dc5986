//! What Smidge means to reach, and where it stands.

use crate::results::Outcome;
use crate::table::{Table, mean, size_ratio, speed};

pub struct Target {
    pub measure: String,
    pub got: f64,
    pub reach: f64,
    pub beyond: Option<f64>,
    /// Whether a larger figure is the better one.
    pub is_more_better: bool,
    /// Rows behind the figure, or why it is to be taken with care.
    pub note: String,
}

impl Target {
    pub fn verdict(&self) -> &'static str {
        let meets = |bound: f64| if self.is_more_better { self.got >= bound } else { self.got <= bound };
        match (self.beyond.is_some_and(meets), meets(self.reach)) {
            (true, _) => "beyond",
            (_, true) => "reached",
            _ => "missed",
        }
    }
}

const FAST: &str = "smidge fast";
const DEFAULT: &str = "smidge default";
const MAX: &str = "smidge max";
const MIB: f64 = 1048576.0;

/// The Hermes rows: pair, reach and beyond in patch bytes at `max`.
const HERMES: [(&str, f64, f64); 5] = [
    ("rn-hbcsm-A12", 250.0, 120.0),
    ("rn-hbcsm-A34", 80_000.0, 55_000.0),
    ("rn-hbcsm-A23", 320_000.0, 280_000.0),
    ("rn-hbcsmbase-A34", 25_000.0, 15_000.0),
    ("rn-hbc-A12", 350.0, 200.0),
];

/// Those that the measured rows allow to say.
pub fn targets(table: &Table) -> Vec<Target> {
    let mut list = List(Vec::new());
    sizes(table, &mut list);
    hermes(table, &mut list);
    times(table, &mut list);
    list.0
}

fn sizes(table: &Table, list: &mut List) {
    let is_open = |pair: &str| table.recorded(pair).is_some();
    let is_js = |pair: &str| is_open(pair) && (pair.starts_with("js-") || pair.starts_with("rn-js-"));
    let is_tree = |pair: &str| is_open(pair) && (pair.starts_with("tree-") || pair.starts_with("assets-"));
    let is_any = |pair: &str| is_js(pair) || is_tree(pair);
    let recorded = |pair: &str| table.recorded(pair);
    for effort in [DEFAULT, MAX] {
        let what = format!("size, JavaScript, trees and assets: {effort} / best recorded peer");
        list.mean(what, table.size_mean(effort, is_any, recorded), 1.05, None);
    }
    list.mean("size, JavaScript: max / best recorded peer", table.size_mean(MAX, is_js, recorded), 0.60, Some(0.50));
    list.mean(
        "size, JavaScript: max / best peer, recorded or measured",
        table.size_mean(MAX, is_js, |pair| table.best(pair)),
        0.60,
        Some(0.50),
    );
    list.mean(
        "size, trees and assets: max / best recorded peer",
        table.size_mean(MAX, is_tree, recorded),
        0.70,
        Some(0.55),
    );
    list.mean(
        "size, trees and assets: max / best peer, recorded or measured",
        table.size_mean(MAX, is_tree, |pair| table.best(pair)),
        0.70,
        Some(0.55),
    );
    let rows = table.pairs().into_iter().filter(|pair| is_any(pair));
    let ratios = rows.filter_map(|pair| Some((size_ratio(table.bytes(pair, MAX)?, table.recorded(pair)?), pair)));
    if let Some((worst, pair)) = ratios.max_by(|a, b| a.0.total_cmp(&b.0)) {
        list.add("size, any single row: max / best recorded peer", worst, 1.00, Some(0.90), pair);
    }
    if let Some(bytes) = table.bytes("tree-hass", MAX) {
        list.add("size, tree-hass, bytes", bytes as f64, 300_000.0, Some(150_000.0), "max");
    }
    let bytes = |coder| move |pair: &str| table.bytes(pair, coder);
    list.mean("size: default / max", table.size_mean(DEFAULT, |_| true, bytes(MAX)), 1.10, Some(1.05));
    list.mean(
        "size: fast / HDiffPatch lzma2",
        table.size_mean(FAST, |_| true, bytes("hdiffz lzma2")),
        1.00,
        Some(0.90),
    );
}

fn hermes(table: &Table, list: &mut List) {
    for (pair, reach, beyond) in HERMES {
        if let Some(bytes) = table.bytes(pair, MAX) {
            list.add(format!("size, {pair}, bytes"), bytes as f64, reach, Some(beyond), "max");
        }
    }
    let rows: Vec<&str> = table.pairs().into_iter().filter(|pair| is_bytecode(pair)).collect();
    let worst = |coder: &str, of: &dyn Fn(&Outcome) -> f64| {
        let rows = rows.iter().filter_map(|pair| Some((of(table.get(pair, coder)?), *pair)));
        rows.max_by(|a, b| a.0.total_cmp(&b.0))
    };
    list.worst("diff, bytecode, default, s", worst(DEFAULT, &|o| o.diff.wall_secs), 4.0, None);
    list.worst("diff, bytecode, max, s", worst(MAX, &|o| o.diff.wall_secs), 15.0, None);
    list.worst("diff, bytecode, max, peak MiB", worst(MAX, &|o| o.diff.peak_bytes as f64 / MIB), 1024.0, None);
    list.worst("apply, bytecode, max, peak MiB", worst(MAX, &|o| o.apply.peak_bytes as f64 / MIB), 16.0, None);
    for (pair, secs) in [("rn-hbcsm-A12", 0.15), ("rn-hbcsm-A34", 0.6), ("rn-hbcsm-A23", 1.2)] {
        if let Some(outcome) = table.get(pair, MAX) {
            let note = format!("max; processor time {:.2}", outcome.apply.cpu_secs);
            list.add(format!("apply, {pair}, s"), outcome.apply.wall_secs, secs, None, note);
        }
    }
}

fn is_bytecode(pair: &str) -> bool {
    pair.starts_with("rn-hbc") || pair.starts_with("rn-tree") || pair.starts_with("hermes")
}

fn times(table: &Table, list: &mut List) {
    let care = |coders: &[&str]| if table.is_mixed(coders) { ", not all in one run" } else { "" };
    let wall = |o: &Outcome| o.diff.wall_secs;
    if let (Some(ours), Some(theirs)) = (table.get("js-typescript", DEFAULT), table.get("js-typescript", "bsdiff")) {
        let care = if ours.run == theirs.run { "" } else { ", not in one run" };
        let cpu = ours.diff.cpu_secs / theirs.diff.cpu_secs;
        let note = format!("js-typescript{care}; processor time {cpu:.2}");
        list.add("diff time: default / bsdiff", wall(ours) / wall(theirs), 1.0 / 3.0, None, note);
    }
    for (effort, other) in [(DEFAULT, "hdiffz lzma2"), (MAX, "bsdiff")] {
        let cpu = table.cost_mean(effort, other, |o| o.diff.cpu_secs);
        if let (Some((got, rows)), Some((cpu, _))) = (table.cost_mean(effort, other, wall), cpu) {
            let note = format!("{rows} rows{}; processor time {cpu:.2}", care(&[effort, other]));
            list.add(format!("diff time: {effort} / {other}"), got, 1.0, Some(0.6), note);
        }
    }
    let worst = |coder: &str, of: &dyn Fn(&Outcome) -> Option<f64>| {
        // Bytecode has aims of its own.
        let rows = table.pairs().into_iter().filter(|pair| !is_bytecode(pair));
        let rows = rows.filter_map(|pair| Some((of(table.get(pair, coder)?)?, pair)));
        rows.max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let share = |o: &Outcome| Some(o.diff.peak_bytes as f64 / (o.old_bytes + o.new_bytes) as f64);
    list.worst("diff peak memory / (old + new), without bytecode, default", worst(DEFAULT, &share), 6.0, Some(5.0));
    let peak = |o: &Outcome| o.apply.peak_bytes as f64 / MIB;
    let any = [FAST, DEFAULT, MAX].iter().filter_map(|coder| worst(coder, &|o| Some(peak(o))));
    list.worst(
        "apply peak MiB, any pair without bytecode, any effort",
        any.max_by(|a, b| a.0.total_cmp(&b.0)),
        8.0,
        Some(4.0),
    );
    for (effort, group, reach, beyond) in [
        (DEFAULT, "js-", 40.0, 80.0),
        (MAX, "js-", 40.0, 80.0),
        (DEFAULT, "tree-", 300.0, 800.0),
        (MAX, "tree-", 300.0, 800.0),
    ] {
        let rows = || {
            let pairs = table.pairs().into_iter().filter(|pair| pair.starts_with(group));
            pairs.filter_map(|pair| table.get(pair, effort))
        };
        let by_cpu = mean(rows().map(|o| o.new_bytes as f64 / o.apply.cpu_secs.max(1e-4) / 1e6));
        if let (Some((got, count)), Some((by_cpu, _))) = (mean(rows().map(|o| speed(o) / 1e6)), by_cpu) {
            let what = format!("apply, MB/s of output on {group}*: {effort}");
            list.0.push(Target {
                measure: what,
                got,
                reach,
                beyond: Some(beyond),
                is_more_better: true,
                note: format!("{count} rows; by processor time {by_cpu:.0}"),
            });
        }
    }
}

struct List(Vec<Target>);

impl List {
    fn add(&mut self, measure: impl Into<String>, got: f64, reach: f64, beyond: Option<f64>, note: impl Into<String>) {
        let (measure, note) = (measure.into(), note.into());
        self.0.push(Target { measure, got, reach, beyond, is_more_better: false, note });
    }

    fn mean(&mut self, measure: impl Into<String>, got: Option<(f64, usize)>, reach: f64, beyond: Option<f64>) {
        if let Some((got, rows)) = got {
            self.add(measure, got, reach, beyond, format!("{rows} rows"));
        }
    }

    fn worst(&mut self, measure: &str, got: Option<(f64, &str)>, reach: f64, beyond: Option<f64>) {
        if let Some((got, pair)) = got {
            self.add(measure, got, reach, beyond, pair);
        }
    }
}
