//! `smidge init`: a store, a database and keys to try things with.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;

use super::{
    Failure, Say,
    place::{DEFAULT_STORE, KEYS, block_on},
};
use crate::{
    files::Staged,
    release::{Pipeline, database::Database},
    store::Address,
    trust::{
        Root, Time,
        sign::{self, SecretKey},
    },
};

/// How long a root for development lasts, in seconds: a year.
const ROOT_SECS: u64 = 365 * 86_400;

/// Makes a folder with a store, a database and keys for development, and says whose signatures count.
///
/// What is there stays as it is. For production, make keys with `smidge key` and adopt their root with
/// `smidge release root`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The app, or OWNER/APP
    #[arg(long, value_name = "APP")]
    app: String,
    /// Where to make it
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_STORE)]
    store: PathBuf,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    block_on(init(arguments, say))
}

async fn init(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let folder = &arguments.store;
    let store = Address::Folder(folder.clone()).create().await?;
    let file = folder.join("smidge.db");
    let database = Database::open(&Database::address_of_file(&file)).await?;
    let pipeline = Pipeline { store, database, who: "init".to_owned() };
    let (organisation, app) = arguments.app.split_once('/').unwrap_or(("", &arguments.app));
    let mut root = None;
    for platform in ["ios", "android"] {
        let (platform, _) = pipeline.database.ensure_platform(organisation, app, platform, "init").await?;
        if pipeline.database.roots(organisation).await?.is_empty() {
            let (key, root_key) = (key(folder, "dev")?, key(folder, "dev-root")?);
            let document = dev_root(&key, &root_key)?;
            pipeline.adopt_root(&platform, &document).await?;
        }
        root = Some(pipeline.newest_root(&platform).await?);
        let newest = pipeline.database.roots(organisation).await?.pop();
        if let Some((_, document)) = newest {
            let path = folder.join(KEYS).join("root");
            fs::create_dir_all(folder.join(KEYS)).map_err(|source| Failure::io("make", &folder.join(KEYS), &source))?;
            fs::write(&path, document).map_err(|source| Failure::io("write", &path, &source))?;
        }
    }
    pipeline.database.close().await;
    let number = root.map_or(0, |root| root.number);
    let keys = folder.join(KEYS);
    let value = json!({
        "store": folder, "database": file, "keys": keys, "app": arguments.app, "root": number,
    });
    let shown = folder.display();
    let option = if folder == Path::new(DEFAULT_STORE) { String::new() } else { format!(" --store {shown}") };
    let lines = format!(
        "store     {shown}\n\
         database  {shown}/smidge.db\n\
         keys      {shown}/keys, for development only: whoever reads them can sign\n\
         root      {shown}/keys/root, number {number}: build it into the app\n\n\
         Next, tell what is in the store, then release:\n  \
         smidge binary add FOLDER{option} --app {app} --platform ios \\\n      \
         --app-version 1.0.0 --build 1\n  \
         smidge release FOLDER{option} --app {app} --platform ios \\\n      \
         --app-version 1.0.0 --build 1\n",
        app = arguments.app,
    );
    say.result(&value, &lines, false)
}

/// The key `name` of the folder, made where it is missing.
fn key(folder: &Path, name: &str) -> Result<SecretKey, Failure> {
    let folder = folder.join(KEYS);
    let path = folder.join(name);
    if path.is_file() {
        let text = fs::read_to_string(&path).map_err(|source| Failure::io("read the key", &path, &source))?;
        return SecretKey::from_text(&text)
            .map_err(|error| Failure::unusable(format_args!("{}: {error}", path.display())));
    }
    fs::create_dir_all(&folder).map_err(|source| Failure::io("make", &folder, &source))?;
    let key = SecretKey::generate().map_err(Failure::unusable)?;
    let mut staged = Staged::create_beside(&path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let only_me = fs::Permissions::from_mode(0o600);
        staged.file().set_permissions(only_me).map_err(|source| Failure::io("protect", &path, &source))?;
    }
    staged.write_all(key.to_text().as_bytes()).map_err(|source| Failure::io("write", &path, &source))?;
    staged.commit()?;
    Ok(key)
}

/// A root that one key alone stands for.
fn dev_root(key: &SecretKey, root_key: &SecretKey) -> Result<Vec<u8>, Failure> {
    let now = Time::now();
    let window = crate::trust::Window { from: now, until: now.plus(ROOT_SECS) };
    let signs = sign::role(1, &[(key.public(), Some(window))]);
    let root = Root {
        name: Some("development".to_owned()),
        number: 1,
        epoch: 1,
        created: now,
        expires: now.plus(ROOT_SECS),
        root: sign::role(1, &[(root_key.public(), None)]),
        release: signs.clone(),
        head: signs,
    };
    let refuse = |error: sign::SignError| Failure::unusable(error);
    let draft = sign::draft_root(&root).map_err(refuse)?;
    sign::sign_root(&draft, root_key, None).map_err(refuse)
}
