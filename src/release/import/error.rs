//! Why something of another system cannot be taken over.

use thiserror::Error;

/// Why something of another system cannot be taken over. Nothing was written then.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A file is larger than any that is read.
    #[error("{what} has more than {limit} bytes, the most that is read; is it the right file?")]
    TooLarge {
        /// What it should be, with its article.
        what: &'static str,
        /// The cap.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("{what} is not UTF-8 text: byte {at} is none of it; save it as UTF-8")]
    NotUtf8 {
        /// What it should be, with its article.
        what: &'static str,
        /// The first byte that is wrong.
        at: usize,
    },
    /// Not JSON, in a way that nothing mends by itself.
    #[error("{what} is not valid JSON: {source}; mend that line by hand")]
    Json {
        /// What it should be, with its article.
        what: &'static str,
        /// What the parser met, with line and column.
        source: serde_json::Error,
    },
    /// A value that is not what it should be.
    #[error("{place} is {found}; it should be {expected}")]
    Value {
        /// Where it stands.
        place: String,
        /// What is there.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A link that leads to no app.
    #[error(
        "{found:?} leads to no app: copy the address of the app's page, such as \
         https://appcenter.ms/orgs/ORGANISATION/apps/APP, or give the app's name alone"
    )]
    Link {
        /// The link.
        found: String,
    },
    /// Two organisations.
    #[error(
        "{first} and {second} are two organisations for one configuration; the builder knows one: correct one of them"
    )]
    Organisations {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Nothing tells which app.
    #[error(
        "the configuration names no app: it has no \"appcenter\" with \"iosAppName\" or \"androidAppName\"; give them with \
         --ios and --android, and --organization where one owns them"
    )]
    NoApp,
    /// A deployment's list that is neither of those that are known.
    #[error(
        "this is neither what `code-push deployment ls APP -k --format json` prints nor what `code-push deployment history \
         APP DEPLOYMENT --format json` prints: {found}"
    )]
    NoHistory {
        /// What it looks like.
        found: String,
    },
    /// Something of a history that no history has.
    #[error("{place}: {problem}")]
    History {
        /// Which deployment and release.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Nobody knows which deployment a history is of.
    #[error(
        "nothing says which deployment this history is of: give the list of deployments too (`code-push deployment ls APP -k \
         --format json`), or name the file after its deployment; there {}", there_known(.known)
    )]
    WhichDeployment {
        /// Those that are known.
        known: Vec<String>,
    },
}

fn there_known(names: &[String]) -> String {
    if names.is_empty() { "is no list yet".to_owned() } else { format!("are {}", names.join(", ")) }
}
