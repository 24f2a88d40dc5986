//! Where the commands that release find their store, database and keys.
//!
//! Everything of a first use lies in one folder, `.smidge` where nothing else is said: the store, `smidge.db` and `keys`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::Failure;
use crate::{
    release::{
        Pipeline,
        database::{Database, Platform},
    },
    store::Address,
    trust::sign::SecretKey,
};

/// The store where nothing else is said.
pub(super) const DEFAULT_STORE: &str = ".smidge";
/// The name of the database in a store that is a folder.
const DATABASE: &str = "smidge.db";
/// The folder of keys in a store that is a folder.
pub(super) const KEYS: &str = "keys";

/// The store and its database.
#[derive(Debug, Clone, Args)]
pub(super) struct Place {
    /// Where contents are kept: a folder, s3://BUCKET/PREFIX, gs://… or az://…
    /// [env: SMIDGE_STORE] [default: .smidge]
    #[arg(long, value_name = "STORE")]
    store: Option<String>,
    /// What is known of them: sqlite:FILE or postgres://…
    /// [env: SMIDGE_DB] [default: smidge.db in the store's folder]
    #[arg(long, value_name = "URL")]
    db: Option<String>,
}

/// An app on a platform.
#[derive(Debug, Clone, Args)]
pub(super) struct OfApp {
    /// The app, or OWNER/APP
    #[arg(long, value_name = "APP")]
    pub(super) app: String,
    /// The platform; each is released by itself
    #[arg(long, value_parser = ["ios", "android"])]
    pub(super) platform: String,
}

/// The keys that sign.
#[derive(Debug, Clone, Args)]
pub(super) struct Keys {
    /// A secret key file that signs; several where the root asks for several
    /// [env: SMIDGE_KEY, a file] [default: keys/dev in the store's folder]
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

impl Place {
    pub(super) fn store(&self) -> String {
        self.store.clone().or_else(|| env::var("SMIDGE_STORE").ok()).unwrap_or_else(|| DEFAULT_STORE.to_owned())
    }

    /// The folder of the store, where it is one.
    pub(super) fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(match Address::parse(&self.store())? {
            Address::Folder(folder) => Some(folder),
            Address::Bucket { .. } => None,
        })
    }

    pub(super) fn database(&self) -> Result<String, Failure> {
        if let Some(url) = self.db.clone().or_else(|| env::var("SMIDGE_DB").ok()) {
            return Ok(url);
        }
        match self.folder()? {
            Some(folder) => Ok(Database::address_of_file(&folder.join(DATABASE))),
            None => Err(Failure::usage(
                "a store that is no folder needs --db: sqlite:FILE for one machine, postgres://… for several",
            )),
        }
    }

    /// Opens what is there. Nothing is made: a mistyped place is told, and not filled.
    pub(super) async fn open(&self) -> Result<Pipeline, Failure> {
        let address = Address::parse(&self.store())?;
        let missing = |what: &str, place: &Path| {
            Failure::unusable(format_args!(
                "there is no {what} at {}; `smidge init` makes a store, a database and keys to try things with, \
                 --store and --db name those that you have",
                place.display()
            ))
        };
        if let Address::Folder(folder) = &address
            && !folder.is_dir()
        {
            return Err(missing("store", folder));
        }
        let url = self.database()?;
        if let Some(file) = Database::file_of_address(&url)
            && !file.is_file()
        {
            return Err(missing("database", &file));
        }
        let store = address.open().await?;
        Ok(Pipeline { store, database: Database::open(&url).await?, who: who() })
    }
}

impl OfApp {
    /// The owner, empty where there is none, and the app.
    pub(super) fn names(&self) -> (&str, &str) {
        self.app.split_once('/').unwrap_or(("", &self.app))
    }

    /// The platform, which must be known.
    pub(super) async fn find(&self, pipeline: &Pipeline) -> Result<Platform, Failure> {
        let (organisation, app) = self.names();
        Ok(pipeline.database.platform(organisation, app, &self.platform).await?)
    }

    /// The platform, written down where it is new.
    pub(super) async fn ensure(&self, pipeline: &Pipeline) -> Result<Platform, Failure> {
        let (organisation, app) = self.names();
        Ok(pipeline.database.ensure_platform(organisation, app, &self.platform, &pipeline.who).await?.0)
    }
}

impl Keys {
    /// Whether no key was named.
    pub(super) fn read(&self, place: &Place) -> Result<Vec<SecretKey>, Failure> {
        let mut files = self.keys.clone();
        if files.is_empty()
            && let Some(file) = env::var_os("SMIDGE_KEY")
        {
            files.push(file.into());
        }
        if files.is_empty()
            && let Some(folder) = place.folder()?
        {
            let dev = folder.join(KEYS).join("dev");
            if dev.is_file() {
                files.push(dev);
            }
        }
        if files.is_empty() {
            return Err(Failure::usage(
                "nothing signs: name the secret key with --key FILE; `smidge init` makes one to try things with",
            ));
        }
        files.iter().map(|file| read_key(file)).collect()
    }
}

fn read_key(file: &Path) -> Result<SecretKey, Failure> {
    let text = fs::read_to_string(file).map_err(|source| Failure::io("read the key", file, &source))?;
    SecretKey::from_text(&text).map_err(|error| Failure::unusable(format_args!("{}: {error}", file.display())))
}

/// In whose name changes are written down.
fn who() -> String {
    let name = |variable| env::var(variable).ok().filter(|name: &String| !name.is_empty());
    let who = name("SMIDGE_WHO").or_else(|| name("USER")).or_else(|| name("LOGNAME"));
    who.unwrap_or_else(|| "command line".to_owned()).chars().filter(|c| !c.is_control()).take(200).collect()
}

/// Runs what waits for stores and databases.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::unusable(format_args!("cannot start threads: {error}")))?.block_on(work)
}
