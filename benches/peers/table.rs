//! The figures as a whole: looking one up, the best peer of a row, and geometric means.

use std::io;
use std::path::Path;

use crate::coders::CODERS;
use crate::measure::Cost;
use crate::results::Outcome;

/// A patch below this counts as this, on both sides of a comparison.
const LEAST_BYTES: u64 = 400;

pub struct Table {
    pub outcomes: Vec<Outcome>,
    /// Pair and patch bytes of corpus/best-peer.tsv, in its order.
    pub best: Vec<(String, u64)>,
}

pub fn recorded_best() -> io::Result<Vec<(String, u64)>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/best-peer.tsv"))?;
    let row = |line: &str| {
        let mut fields = line.split('\t');
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    };
    Ok(text.lines().skip(1).filter_map(row).collect())
}

impl Table {
    /// Names of the pairs, in the order in which they were measured.
    pub fn pairs(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for outcome in &self.outcomes {
            if names.last() != Some(&outcome.pair.as_str()) {
                names.push(&outcome.pair);
            }
        }
        names
    }

    /// Coders that have a result anywhere, in the table's order.
    pub fn coders(&self) -> Vec<&'static str> {
        let has = |name: &str| self.outcomes.iter().any(|outcome| outcome.coder == name && outcome.is_ok());
        CODERS.iter().map(|coder| coder.name).filter(|name| has(name)).collect()
    }

    pub fn get(&self, pair: &str, coder: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.pair == pair && outcome.coder == coder && outcome.is_ok())
    }

    pub fn bytes(&self, pair: &str, coder: &str) -> Option<u64> {
        self.get(pair, coder).map(|outcome| outcome.patch_bytes)
    }

    pub fn recorded(&self, pair: &str) -> Option<u64> {
        self.best.iter().find(|(name, _)| name == pair).map(|(_, bytes)| *bytes)
    }

    /// The smallest peer's patch among what was measured.
    pub fn best_measured(&self, pair: &str) -> Option<(u64, &'static str)> {
        let peers = CODERS.iter().filter(|coder| coder.is_peer);
        peers.filter_map(|coder| Some((self.bytes(pair, coder.name)?, coder.name))).min()
    }

    /// The smallest peer's patch, recorded or measured.
    pub fn best(&self, pair: &str) -> Option<u64> {
        let measured = self.best_measured(pair).map(|(bytes, _)| bytes);
        self.recorded(pair).into_iter().chain(measured).min()
    }

    /// Geometric mean of a coder's patches over `best` of each row, on the rows that `is_in` takes and that have both,
    /// with the number of rows.
    pub fn size_mean(
        &self,
        coder: &str,
        is_in: impl Fn(&str) -> bool,
        best: impl Fn(&str) -> Option<u64>,
    ) -> Option<(f64, usize)> {
        mean(
            self.pairs()
                .into_iter()
                .filter(|pair| is_in(pair))
                .filter_map(|pair| Some(size_ratio(self.bytes(pair, coder)?, best(pair)?))),
        )
    }

    /// Geometric mean of `of(coder)` over `of(other)` on the rows that have both.
    pub fn cost_mean(&self, coder: &str, other: &str, of: impl Fn(&Outcome) -> f64) -> Option<(f64, usize)> {
        mean(self.pairs().into_iter().filter_map(|pair| {
            let (a, b) = (self.get(pair, coder)?, self.get(pair, other)?);
            Some(of(a) / of(b).max(1e-4))
        }))
    }

    /// Whether any of these coders' results come from an earlier run than Smidge's.
    pub fn is_mixed(&self, coders: &[&str]) -> bool {
        let mut runs: Vec<u64> =
            self.outcomes.iter().filter(|o| coders.contains(&o.coder.as_str())).map(|o| o.run).collect();
        runs.dedup();
        runs.len() > 1
    }
}

pub fn size_ratio(ours: u64, theirs: u64) -> f64 {
    ours.max(LEAST_BYTES) as f64 / theirs.max(LEAST_BYTES) as f64
}

pub fn mean(values: impl Iterator<Item = f64>) -> Option<(f64, usize)> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value.max(1e-9).ln(), count + 1));
    (count > 0).then(|| ((sum / count as f64).exp(), count))
}

/// Bytes of new a second.
pub fn speed(outcome: &Outcome) -> f64 {
    outcome.new_bytes as f64 / outcome.apply.wall_secs.max(1e-4)
}

/// Wall seconds, processor seconds of all threads, and MiB.
pub fn cost_text(cost: &Cost) -> String {
    let secs = |secs: f64| if secs < 1.0 { format!("{secs:.3}") } else { format!("{secs:.1}") };
    let mib = cost.peak_bytes as f64 / 1048576.0;
    let mib = if mib < 10.0 { format!("{mib:.1}") } else { format!("{mib:.0}") };
    format!("{} ({}) / {mib}", secs(cost.wall_secs), secs(cost.cpu_secs))
}
