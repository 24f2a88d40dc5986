//! `smidge export`: what devices read, for any static host.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    Failure, Say,
    place::{Place, block_on},
    size,
};

/// Writes what devices read into a folder that any static host can serve. Again, it adds what is new.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Only this app, or OWNER/APP; all apps where none is named
    #[arg(long, value_name = "APP")]
    app: Option<String>,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    block_on(export(arguments, say))
}

async fn export(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let pipeline = arguments.place.open().await?;
    let mut platforms = pipeline.database.platforms().await?;
    if let Some(app) = &arguments.app {
        platforms.retain(|platform| platform.app_path() == *app);
        if platforms.is_empty() {
            return Err(Failure::unusable(format_args!("there is no app {app:?}")));
        }
    }
    let mut organisations: Vec<&str> = platforms.iter().map(|platform| platform.organisation.as_str()).collect();
    organisations.dedup();
    if organisations.len() > 1 {
        return Err(Failure::usage(
            "several organisations have apps here, each with roots of its own: export one app at a time with --app, \
             into a folder for each organisation",
        ));
    }
    let done = pipeline.export(&platforms, &arguments.folder).await?;
    pipeline.database.close().await;
    let value = json!({
        "folder": arguments.folder,
        "objects": done.objects,
        "new_objects": done.new_objects,
        "new_bytes": done.new_bytes,
        "heads_changed": done.heads,
        "roots": done.roots,
    });
    let lines = format!(
        "objects  {}, {} of them new, {}\nheads    {} changed\nroots    {}\n",
        done.objects,
        done.new_objects,
        size::show(done.new_bytes),
        done.heads,
        done.roots,
    );
    say.result(&value, &lines, false)
}
