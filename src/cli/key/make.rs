//! `smidge key new`: a secret key and its public half.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{
    super::{Failure, Say},
    files,
};
use crate::trust::sign::SecretKey;

/// Makes an Ed25519 key: FILE holds the secret, FILE.pub the public half.
///
/// FILE is not encrypted. Whoever has it can sign in your name: keep root keys on machines that are never online,
/// release and head keys in the secret store of your pipeline, and a copy of each in a safe. A key that is lost cannot
/// be had again.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Where to write the secret key; its public half goes to FILE.pub
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments, say: Say) -> Result<(), Failure> {
    let file = &arguments.file;
    let mut public_file = file.clone().into_os_string();
    public_file.push(".pub");
    let public_file = PathBuf::from(public_file);
    files::require_free(file)?;
    files::require_free(&public_file)?;
    let key = SecretKey::generate()?;
    let public = key.public();
    // The secret first: a public key without its secret would be of no use, and might be handed on.
    files::create(file, key.to_text().as_bytes(), true)?;
    files::create(&public_file, public.to_text().as_bytes(), false)?;
    let value = json!({ "id": public.id().to_string(), "public": public.to_string(), "file": file, "public_file": public_file });
    let lines = format!(
        "key {}\n\
         secret  {}\n\
         public  {}\n\
         The secret file is NOT encrypted. Whoever reads it can sign in your name:\n\
         keep it out of version control, chats and e-mails, and keep a copy in a safe.\n\
         Hand on the public file only.\n",
        public.id(),
        file.display(),
        public_file.display(),
    );
    say.result(&value, &lines, false)
}
