//! Targets: which binaries a release is for.
//!
//! A binary is meant by its exact version and build number. A range of versions is a shorthand: it stands for those
//! binaries that are known when the release is made, and never for one that comes later.

use semver::{Version, VersionReq};

use super::{ReleaseError, database::Binary};

/// Which binaries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A version as the binary states it, or a range such as `^1.2` or `>=1.0, <2`.
    pub version: String,
    /// A build number as the binary states it, `*` for all builds; none where a range says it all.
    pub build: Option<String>,
}

impl Target {
    fn is_range(&self) -> bool {
        self.version.contains(['^', '~', '*', '<', '>', '=', ',', ' ']) || self.version.ends_with(".x")
    }

    /// Those of the `known` binaries that are meant. Where none is and `unreleased` says that it need not be there yet,
    /// the result is empty for an exact version and build.
    ///
    /// # Errors
    /// [`ReleaseError::NoBinary`] and [`ReleaseError::NoBuild`], with those that there are.
    pub fn resolve<'a>(&self, known: &'a [Binary], unreleased: bool) -> Result<Vec<&'a Binary>, ReleaseError> {
        let names = || known.iter().map(Binary::name).collect::<Vec<_>>();
        let no_build = |reason: &str| ReleaseError::NoBuild {
            wanted: self.version.clone(),
            reason: reason.to_owned(),
            known: names(),
        };
        let build = self.build.as_deref();
        let fits_build = |binary: &&Binary| build.is_none_or(|build| build == "*" || build == binary.build);
        let found: Vec<&Binary> = if self.is_range() {
            let range = self.version.replace(".x", ".*");
            let range = VersionReq::parse(&range).map_err(|error| no_build(&format!("it is no range ({error})")))?;
            let fits = |binary: &&Binary| version(&binary.version).is_some_and(|version| range.matches(&version));
            known.iter().filter(fits).filter(fits_build).collect()
        } else if build.is_none() {
            return Err(no_build("an update is bound to a version and a build number, so give --build too"));
        } else {
            known.iter().filter(|binary| binary.version == self.version).filter(fits_build).collect()
        };
        let exact = !self.is_range() && build.is_some_and(|build| build != "*");
        if found.is_empty() && !(unreleased && exact) {
            let wanted = build.map_or_else(|| self.version.clone(), |build| format!("{} ({build})", self.version));
            return Err(ReleaseError::NoBinary { wanted, known: names() });
        }
        Ok(found)
    }
}

/// A store version as a semantic one: `1.0` is `1.0.0`. `None` for what has no such reading.
fn version(text: &str) -> Option<Version> {
    let core = text.split(['-', '+']).next().unwrap_or(text);
    let missing = 2usize.checked_sub(core.matches('.').count())?;
    let padded = format!("{core}{}{}", ".0".repeat(missing), &text[core.len()..]);
    Version::parse(&padded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries() -> Vec<Binary> {
        let binary = |version: &str, build: &str| Binary {
            id: 1,
            version: version.into(),
            build: build.into(),
            tree: None,
            fingerprint: None,
            created: 0,
        };
        vec![binary("1.0.0", "1"), binary("1.0.0", "2"), binary("1.4", "9"), binary("2.0.0", "10"), binary("v3", "a")]
    }

    fn resolve(version: &str, build: Option<&str>) -> Result<Vec<String>, ReleaseError> {
        let target = Target { version: version.into(), build: build.map(str::to_owned) };
        Ok(target.resolve(&binaries(), false)?.into_iter().map(Binary::name).collect())
    }

    #[test]
    fn exact_version_and_build_mean_one_binary() {
        assert_eq!(resolve("1.0.0", Some("2")).unwrap(), ["1.0.0 (2)"]);
        assert_eq!(resolve("v3", Some("a")).unwrap(), ["v3 (a)"]);
        assert_eq!(resolve("1.0.0", Some("*")).unwrap(), ["1.0.0 (1)", "1.0.0 (2)"]);
    }

    #[test]
    fn a_range_means_the_known_binaries_within() {
        assert_eq!(resolve("^1", None).unwrap(), ["1.0.0 (1)", "1.0.0 (2)", "1.4 (9)"]);
        assert_eq!(resolve("1.x", Some("9")).unwrap(), ["1.4 (9)"]);
        assert_eq!(resolve(">=1.4, <3", None).unwrap(), ["1.4 (9)", "2.0.0 (10)"]);
    }

    #[test]
    fn what_matches_nothing_is_refused_with_what_there_is() {
        for (version, build) in [("1.0.0", Some("3")), ("1.0", Some("1")), ("^4", None)] {
            let error = resolve(version, build).unwrap_err();
            assert!(matches!(error, ReleaseError::NoBinary { .. }));
            assert!(error.to_string().contains("1.0.0 (1), 1.0.0 (2), 1.4 (9)"), "{error}");
        }
        assert!(matches!(resolve("1.0.0", None), Err(ReleaseError::NoBuild { .. })));
        assert!(matches!(resolve(">=nothing", None), Err(ReleaseError::NoBuild { .. })));
        let coming = Target { version: "9.9".into(), build: Some("1".into()) };
        assert!(coming.resolve(&binaries(), true).unwrap().is_empty());
        let range = Target { version: "^9".into(), build: None };
        assert!(range.resolve(&binaries(), true).is_err(), "a range never means what is not known");
    }
}
