//! Names of apps as App Center has them, also out of a pasted address.

use super::ImportError;

/// The longest name, in bytes.
const NAME_BYTES: usize = 100;

/// An app by its owner and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppName {
    /// The organisation that owns it; none where a user does.
    pub organisation: Option<String>,
    /// The user that owns it, where the address told.
    pub user: Option<String>,
    /// Its name in addresses.
    pub app: String,
}

impl AppName {
    /// Reads a name, `OWNER/NAME`, or the address of any page of the app:
    /// `https://appcenter.ms/users/USER/apps/APP/…` or `https://appcenter.ms/orgs/ORGANISATION/apps/APP/…`.
    ///
    /// # Errors
    /// [`ImportError::Link`] for an address of something else, [`ImportError::Value`] for what is no name.
    pub fn read(text: &str) -> Result<Self, ImportError> {
        let text = text.trim();
        let link = || ImportError::Link { found: text.chars().take(120).collect() };
        let path = path_of(text);
        if !path.contains('/') && !text.contains("://") {
            return Ok(Self { organisation: None, user: None, app: name(path, "the app's name")? });
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(8).collect();
        let at = parts.windows(4).find(|part| matches!(part[0], "users" | "orgs") && part[2] == "apps");
        match (at, &parts[..]) {
            (Some(part), _) => {
                let owner = name(part[1], "the owner's name")?;
                let app = name(part[3], "the app's name")?;
                let (organisation, user) = if part[0] == "orgs" { (Some(owner), None) } else { (None, Some(owner)) };
                Ok(Self { organisation, user, app })
            }
            (None, [owner, app]) if !text.contains("://") && !owner.contains('.') => Ok(Self {
                organisation: Some(name(owner, "the owner's name")?),
                user: None,
                app: name(app, "the app's name")?,
            }),
            _ => Err(link()),
        }
    }
}

/// The organisation in a name or an address.
///
/// # Errors
/// As [`AppName::read`].
pub fn organisation(text: &str) -> Result<String, ImportError> {
    let text = text.trim();
    let path = path_of(text);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).take(8).collect();
    if let Some(part) = parts.windows(2).find(|part| part[0] == "orgs") {
        return name(part[1], "the organization");
    }
    if path.contains('/') || text.contains("://") {
        return Err(ImportError::Link { found: text.chars().take(120).collect() });
    }
    name(path, "the organization")
}

/// An address without its query and fragment; a name as it is.
fn path_of(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or(text)
}

fn name(text: &str, what: &str) -> Result<String, ImportError> {
    let expected = "1 to 100 letters, digits, '.', '_' and '-', as in the address of the app's page";
    let plain = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-'));
    if text.is_empty() || text.len() > NAME_BYTES || !plain {
        let found = format!("{:?}", text.chars().take(120).collect::<String>());
        return Err(ImportError::Value { place: what.to_owned(), found, expected });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read() {
        let read = |text| AppName::read(text).unwrap();
        assert_eq!(read(" Shop-iOS ").app, "Shop-iOS");
        let of = |organisation: Option<&str>, user: Option<&str>| AppName {
            organisation: organisation.map(str::to_owned),
            user: user.map(str::to_owned),
            app: "Shop-iOS".to_owned(),
        };
        assert_eq!(
            read("https://appcenter.ms/orgs/Acme/apps/Shop-iOS/distribute/code-push?x=1#y"),
            of(Some("Acme"), None)
        );
        assert_eq!(read("appcenter.ms/users/ann/apps/Shop-iOS"), of(None, Some("ann")));
        assert_eq!(read("/users/ann/apps/Shop-iOS/"), of(None, Some("ann")));
        assert_eq!(read("Acme/Shop-iOS"), of(Some("Acme"), None));
        assert_eq!(organisation("https://appcenter.ms/orgs/Acme").unwrap(), "Acme");
        assert_eq!(organisation("Acme").unwrap(), "Acme");
    }

    #[test]
    fn what_names_no_app_is_refused() {
        for text in
            ["", "https://appcenter.ms/", "https://appcenter.ms/apps", "appcenter.ms/apps", "a b", "../x/y", "é"]
        {
            AppName::read(text).unwrap_err();
        }
        organisation("https://appcenter.ms/users/ann").unwrap_err();
    }
}
