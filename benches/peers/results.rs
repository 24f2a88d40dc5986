//! What was measured, one JSON file for each pair and coder, so that slow peers are run once.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::coders::{Coder, Tools};
use crate::measure::{self, Cost};
use crate::pairs::{self, Pair};

#[derive(Clone, Serialize, Deserialize)]
pub struct Outcome {
    pub pair: String,
    pub coder: String,
    pub version: String,
    /// The command, before paths are put in: another command is another measurement.
    pub command: String,
    pub old_bytes: u64,
    pub new_bytes: u64,
    pub patch_bytes: u64,
    pub diff: Cost,
    pub apply: Cost,
    /// Why there is no result, if there is none.
    pub failure: Option<String>,
    /// Which run of the comparison measured this: times of one run are compared, those of two are not.
    pub run: u64,
}

impl Outcome {
    pub fn is_ok(&self) -> bool {
        self.failure.is_none()
    }
}

pub struct Store {
    pub folder: PathBuf,
}

impl Store {
    fn path(&self, pair: &str, coder: &str) -> PathBuf {
        self.folder.join(pair).join(format!("{}.json", coder.replace([' ', ','], "-")))
    }

    pub fn load(&self, pair: &str, coder: &str) -> Option<Outcome> {
        serde_json::from_slice(&fs::read(self.path(pair, coder)).ok()?).ok()
    }

    /// An earlier result of the same program and command on the same sizes.
    pub fn load_same(&self, pair: &Pair, coder: &Coder, version: &str) -> Option<Outcome> {
        let kept = self.load(&pair.name, coder.name)?;
        let is_same = kept.is_ok()
            && kept.version == version
            && kept.command == coder.diff
            && (kept.old_bytes, kept.new_bytes) == (pair.old_bytes, pair.new_bytes);
        is_same.then_some(kept)
    }

    pub fn save(&self, outcome: &Outcome) -> std::io::Result<()> {
        let path = self.path(&outcome.pair, &outcome.coder);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        fs::write(path, serde_json::to_vec_pretty(outcome)?)
    }
}

/// Makes a patch and applies it, `repeat` times each (applying at least three times), and compares what comes out.
pub fn measure(
    pair: &Pair,
    coder: &Coder,
    version: &str,
    tools: &Tools,
    work: &Path,
    repeat: usize,
    run: u64,
) -> Outcome {
    let mut outcome = Outcome {
        pair: pair.name.clone(),
        coder: coder.name.into(),
        version: version.into(),
        command: coder.diff.into(),
        old_bytes: pair.old_bytes,
        new_bytes: pair.new_bytes,
        patch_bytes: 0,
        diff: Cost::default(),
        apply: Cost::default(),
        failure: None,
        run,
    };
    if let Err(failure) = both_ways(pair, coder, tools, work, repeat, &mut outcome) {
        outcome.failure = Some(failure);
    }
    outcome
}

fn both_ways(
    pair: &Pair,
    coder: &Coder,
    tools: &Tools,
    work: &Path,
    repeat: usize,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let (old, new) = coder.sides(pair);
    let (patch, out, log) = (work.join("patch"), work.join("out"), work.join("stderr"));
    let old_bytes = fs::metadata(old).map_err(|e| e.to_string())?.len().to_string();
    let old_bytes = Path::new(&old_bytes);
    let paths = [("{old}", old), ("{old_bytes}", old_bytes), ("{new}", new), ("{patch}", &*patch), ("{out}", &*out)];
    let argv = |command| tools.argv(command, &paths).ok_or_else(|| "not on this machine".to_owned());
    let (diff, apply) = (argv(coder.diff)?, argv(coder.apply)?);

    let mut runs = Vec::new();
    let mut first = None;
    for _ in 0..repeat {
        pairs::remove(&patch);
        runs.push(measure::run(&diff, &log).map_err(|e| format!("diff: {e}"))?);
        let hash = fs::read(&patch).map(|bytes| blake3::hash(&bytes)).map_err(|e| format!("no patch: {e}"))?;
        if coder.is_smidge() && *first.get_or_insert(hash) != hash {
            return Err("the same inputs gave two different patches".into());
        }
    }
    outcome.diff = Cost::median(runs);
    outcome.patch_bytes = fs::metadata(&patch).map_err(|e| e.to_string())?.len();

    let mut runs = Vec::new();
    for _ in 0..repeat.max(3) {
        pairs::remove(&out);
        runs.push(measure::run(&apply, &log).map_err(|e| format!("apply: {e}"))?);
    }
    outcome.apply = Cost::median(runs);
    let is_same = pairs::same(&out, new).map_err(|e| format!("comparing: {e}"))?;
    pairs::remove(&out);
    pairs::remove(&patch);
    if is_same { Ok(()) } else { Err("what was applied is not new".into()) }
}
