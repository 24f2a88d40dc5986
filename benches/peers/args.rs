//! The options of the comparison.

use std::path::{Path, PathBuf};

use crate::coders::Coder;

const HELP: &str = "\
Usage: cargo bench --bench peers -- [OPTIONS] [PAIR...]

Measures the pairs whose names contain one of PAIR (all, if none is given).

  --small            the pairs of corpus/ that are in git
  --data DIR         pairs as DIR/NAME/{old,new} (corpus/large, which corpus/fetch.py fills)
  --effort LIST      Smidge's efforts, of fast,default,max (all); none leaves Smidge out
  --peers LIST       peers whose names contain one of these (all); none leaves them out
  --fresh LIST       measure these peers again although an earlier result is kept; all takes every peer
  --repeat N         make each patch N times and take the median time (1); applying is done at least 3 times
  --tools DIR        where hdiffz and hpatchz are, if not in PATH (target/peers/tools)
  --smidge FILE      the command line under test (the one that cargo just built)
  --report           measure nothing, report what is kept
  --write-docs       write docs/benchmarks.{md,json,svg} instead of target/peers/";

pub struct Options {
    pub pairs: Vec<String>,
    pub data: PathBuf,
    pub efforts: Vec<String>,
    pub peers: Vec<String>,
    pub fresh: Vec<String>,
    pub repeat: usize,
    pub tools: PathBuf,
    pub smidge: PathBuf,
    pub target: PathBuf,
    pub report_only: bool,
    pub write_docs: bool,
    pub command: String,
}

/// Nothing where help was asked for.
pub fn parse(args: &[String]) -> Result<Option<Options>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers");
    let list = |text: &str| text.split(',').map(|part| part.trim().to_lowercase()).collect::<Vec<_>>();
    let mut options = Options {
        pairs: Vec::new(),
        data: root.join("corpus/large"),
        efforts: list("fast,default,max"),
        peers: list("all"),
        fresh: Vec::new(),
        repeat: 1,
        tools: target.join("tools"),
        smidge: env!("CARGO_BIN_EXE_smidge").into(),
        target,
        report_only: false,
        write_docs: false,
        command: String::new(),
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().cloned().ok_or(format!("{arg} wants a value"));
        match arg.as_str() {
            // Cargo says so to every bench.
            "--bench" => continue,
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(None);
            }
            "--small" => options.data = root.join("corpus"),
            "--data" => options.data = value()?.into(),
            "--effort" => options.efforts = list(&value()?),
            "--peers" => options.peers = list(&value()?),
            "--fresh" => options.fresh = list(&value()?),
            "--repeat" => {
                options.repeat = value()?.parse().ok().filter(|n| *n > 0).ok_or("--repeat wants a number above 0")?;
            }
            "--tools" => options.tools = value()?.into(),
            "--smidge" => options.smidge = value()?.into(),
            "--report" => options.report_only = true,
            "--write-docs" => options.write_docs = true,
            other if other.starts_with('-') => return Err(format!("unknown option {other}\n\n{HELP}")),
            pair => options.pairs.push(pair.to_owned()),
        }
    }
    options.command = command(args);
    Ok(Some(options))
}

impl Options {
    pub fn takes(&self, coder: &Coder) -> bool {
        match coder.name.strip_prefix("smidge ") {
            Some(effort) => self.efforts.iter().any(|wanted| wanted == effort),
            None => holds(&self.peers, coder.name),
        }
    }

    pub fn is_fresh(&self, coder: &Coder) -> bool {
        holds(&self.fresh, coder.name)
    }
}

fn holds(list: &[String], name: &str) -> bool {
    list.iter().any(|part| part == "all" || name.contains(part.as_str()))
}

/// The command as it is written down: without the paths of one machine.
fn command(args: &[String]) -> String {
    let mut said = vec!["cargo bench --bench peers".to_owned()];
    let mut args = args.iter().filter(|arg| *arg != "--bench" && *arg != "--write-docs");
    while let Some(arg) = args.next() {
        if matches!(arg.as_str(), "--data" | "--tools" | "--smidge") {
            args.next();
            continue;
        }
        if said.len() == 1 {
            said.push("--".into());
        }
        said.push(arg.clone());
    }
    said.join(" ")
}
