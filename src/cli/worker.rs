//! `smidge worker`: makes the patches that wait.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{
    Failure, Say,
    diff::Effort,
    place::{Keys, Place, block_on},
    size,
};
use crate::release::{Pipeline, bench::Bench, worker::Job};

/// Makes the patches that wait. Several workers may share a database and a store; each patch is made once.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// End when no patch waits, instead of waiting for the next one
    #[arg(long)]
    once: bool,
    /// A name for this worker that no other has [default: host and process]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How long to search for smaller patches
    #[arg(long, value_enum, default_value_t = Effort::Max)]
    effort: Effort,
    /// Sign heads anew when patches were made, with the keys of --key
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    keys: Keys,
}

/// Between two looks for work.
const IDLE: Duration = Duration::from_secs(2);
/// After an error of the database.
const TROUBLE: Duration = Duration::from_secs(10);

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    block_on(work(arguments, say))
}

async fn work(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let keys = if arguments.refresh { arguments.keys.read(&arguments.place)? } else { Vec::new() };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = arguments.name.clone().unwrap_or_else(|| format!("{} {}", host.trim(), std::process::id()));
    let (mut made, mut failed, mut pending) = (0u64, 0u64, false);
    let mut bench = Bench::new()?;
    loop {
        match pipeline.work(&mut bench, &name, arguments.effort.into()).await {
            Ok(Job::Idle) => {
                if pending && arguments.refresh {
                    refresh(&pipeline, &keys).await?;
                    pending = false;
                }
                if arguments.once {
                    break;
                }
                // What was unpacked for the last patches is of no use to the next release.
                bench = Bench::new()?;
                tokio::time::sleep(IDLE).await;
            }
            Ok(Job::Made(lease, patch)) => {
                made += 1;
                pending = true;
                if !say.quiet && !say.json {
                    let time = super::say::show_time(patch.time);
                    eprintln!(
                        "made {} in {time}, {:.12}… to {:.12}…",
                        size::show(patch.size_bytes),
                        hex(lease.old),
                        hex(lease.new)
                    );
                }
            }
            Ok(Job::Lost(_)) => {}
            Ok(Job::Failed(lease, error)) => {
                failed += 1;
                eprintln!("failed, {:.12}… to {:.12}…: {error}", hex(lease.old), hex(lease.new));
            }
            // A database that restarts is no reason to end, unless somebody waits for the end.
            Err(error) if !arguments.once => {
                eprintln!("{error}; trying again");
                tokio::time::sleep(TROUBLE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    pipeline.database.close().await;
    let lines = format!("{made} patches made, {failed} failed\n");
    say.result(&json!({ "made": made, "failed": failed }), &lines, false)
}

fn hex(hash: crate::hash::Hash) -> String {
    hash.to_string()
}

/// Signs the heads anew that gain from the patches that were made.
async fn refresh(pipeline: &Pipeline, keys: &[crate::trust::sign::SecretKey]) -> Result<(), Failure> {
    for platform in pipeline.database.platforms().await? {
        let Ok(signer) = pipeline.signer(&platform, keys).await else { continue };
        for channel in pipeline.database.channels(&platform).await? {
            match pipeline.refresh(&platform, &channel, &signer, false).await {
                Ok(_) => {}
                // Somebody published meanwhile, with the same patches.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
