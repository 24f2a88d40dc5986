//! What devices keep offline, and the way through the app: the description of an app's model, and what differs.
//!
//! `docs/check.md` has the format. Names are compared byte by byte. Where something has an `id`, that is what it is known
//! by, so that a rename is told from a removal and something new; both endanger data all the same.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::{ClassifyError, Kind, Reason, Safety};

/// Bytes of a description, at most. A large app has about 1 MB.
pub const MODEL_BYTES: usize = 16 << 20;
/// Bytes of the version: as much as a release's statement holds.
const VERSION_BYTES: usize = 64;
/// Bytes of a name.
const NAME_BYTES: usize = 1024;
const FORMAT: &str = "smidge model 1";

/// The description of an app's model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    format: String,
    /// Which version of the model this is: 1 to 64 bytes.
    pub version: String,
    /// What the app stores.
    #[serde(default)]
    pub entities: Vec<Entity>,
    /// The ways through the app, one for each profile.
    #[serde(default)]
    pub navigation: Vec<Profile>,
}

/// Something that an app stores.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// What stays the same when it is renamed.
    pub id: Option<String>,
    /// Its name, `Module.Entity`.
    pub name: String,
    /// Whether devices keep it while they have no connection.
    #[serde(default = "yes")]
    pub offline: bool,
    /// What it consists of.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    /// What it refers to.
    #[serde(default)]
    pub relations: Vec<Relation>,
}

/// A value of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// What stays the same when it is renamed.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its type, in the words of whoever wrote the description.
    #[serde(rename = "type")]
    pub of: String,
    /// Whether every object must have a value.
    #[serde(default)]
    pub required: bool,
    /// Whether objects without a value get one.
    #[serde(default)]
    pub default: bool,
}

/// A relation from one entity to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// What stays the same when it is renamed.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The entity that it leads to.
    pub to: String,
    /// Whether every object must have one.
    #[serde(default)]
    pub required: bool,
    /// Whether an object may have several.
    #[serde(default)]
    pub many: bool,
}

/// The way through the app of one kind of device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// The page that it begins with.
    pub home: String,
    /// Pages that it begins with for some roles.
    #[serde(default)]
    pub role_homes: BTreeMap<String, String>,
    /// The pages of its menu, in their order.
    #[serde(default)]
    pub items: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// Something that differs between two models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChange {
    /// Whether data that was not synced can be lost.
    pub destructive: bool,
    /// For people: what differs and what comes of it.
    pub text: String,
}

impl ModelChange {
    pub(super) fn reason(&self) -> Reason {
        let safety = if self.destructive { Safety::Destructive } else { Safety::Safe };
        Reason { safety, kind: Kind::Model, text: self.text.clone() }
    }
}

impl Model {
    /// Reads a description.
    ///
    /// # Errors
    /// [`ClassifyError`] names the line and column of what is not as expected, or the name that stands twice.
    pub fn read(json: &[u8]) -> Result<Self, ClassifyError> {
        const WHAT: &str = "a model description";
        if json.len() > MODEL_BYTES {
            return Err(ClassifyError::TooLarge { what: WHAT, limit: MODEL_BYTES as u64 });
        }
        let model: Self =
            serde_json::from_slice(json).map_err(|source| ClassifyError::Form { what: "model description", source })?;
        if model.format != FORMAT {
            return Err(ClassifyError::ModelFormat { found: model.format.chars().take(80).collect() });
        }
        check_length("the version of the model", &model.version, VERSION_BYTES)?;
        once("entity", model.entities.iter().map(|entity| (&entity.id, &entity.name)))?;
        for entity in &model.entities {
            once("attribute", entity.attributes.iter().map(|attribute| (&attribute.id, &attribute.name)))?;
            once("relation", entity.relations.iter().map(|relation| (&relation.id, &relation.name)))?;
        }
        once("navigation profile", model.navigation.iter().map(|profile| (&None, &profile.name)))?;
        Ok(model)
    }

    /// What differs in `new`, in the order of the descriptions. Takes time in proportion to both.
    #[must_use]
    pub fn compare(&self, new: &Self) -> Vec<ModelChange> {
        let mut found = Found::default();
        compare_entities(&self.entities, &new.entities, &mut found);
        compare_navigation(&self.navigation, &new.navigation, &mut found);
        found.0
    }
}

fn check_length(what: &'static str, text: &str, limit: usize) -> Result<(), ClassifyError> {
    if text.is_empty() || text.len() > limit {
        return Err(ClassifyError::Length { what, limit, found: text.len() });
    }
    Ok(())
}

/// Checks names, and that none of them and no id stands twice.
fn once<'a>(
    what: &'static str,
    items: impl Iterator<Item = (&'a Option<String>, &'a String)>,
) -> Result<(), ClassifyError> {
    let mut names = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    for (id, name) in items {
        check_length("a name", name, NAME_BYTES)?;
        if !names.insert(name) {
            return Err(ClassifyError::Twice { what, name: name.clone() });
        }
        if let Some(id) = id
            && !ids.insert(id)
        {
            return Err(ClassifyError::Twice { what, name: id.chars().take(80).collect() });
        }
    }
    Ok(())
}

#[derive(Default)]
struct Found(Vec<ModelChange>);

impl Found {
    fn destructive(&mut self, text: String) {
        self.0.push(ModelChange { destructive: true, text });
    }

    fn safe(&mut self, text: String) {
        self.0.push(ModelChange { destructive: false, text });
    }
}

/// What is known by an id, or else by a name.
trait Known {
    fn id(&self) -> Option<&str>;
    fn name(&self) -> &str;
}

macro_rules! known {
    ($($type:ty),*) => {$(
        impl Known for $type {
            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }
            fn name(&self) -> &str {
                &self.name
            }
        }
    )*};
}
known!(Entity, Attribute, Relation);

/// Pairs what is the same in `old` and `new`: by id, and by name where one of them has none. The rest are the removed
/// and the added.
fn pair<'a, T: Known>(old: &'a [T], new: &'a [T]) -> (Vec<(&'a T, &'a T)>, Vec<&'a T>, Vec<&'a T>) {
    let by_id: HashMap<&str, usize> = new.iter().zip(0..).filter_map(|(item, at)| Some((item.id()?, at))).collect();
    let by_name: HashMap<&str, usize> = new.iter().zip(0..).map(|(item, at)| (item.name(), at)).collect();
    let mut taken = vec![false; new.len()];
    let mut partners: Vec<Option<usize>> = Vec::with_capacity(old.len());
    for item in old {
        let partner = item.id().and_then(|id| by_id.get(id).copied());
        if let Some(at) = partner {
            taken[at] = true;
        }
        partners.push(partner);
    }
    for (item, partner) in old.iter().zip(&mut partners) {
        if partner.is_none()
            && let Some(&at) = by_name.get(item.name())
            && !taken[at]
            && (item.id().is_none() || new[at].id().is_none())
        {
            taken[at] = true;
            *partner = Some(at);
        }
    }
    let pairs = old.iter().zip(&partners).filter_map(|(item, partner)| Some((item, &new[(*partner)?]))).collect();
    let removed = old.iter().zip(&partners).filter(|(_, partner)| partner.is_none()).map(|(item, _)| item).collect();
    let added = new.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(item, _)| item).collect();
    (pairs, removed, added)
}

fn compare_entities(old: &[Entity], new: &[Entity], found: &mut Found) {
    let (pairs, removed, added) = pair(old, new);
    // The same attributes under another name are probably the same entity.
    let names = |entity: &Entity| entity.attributes.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
    let by_attributes: HashMap<Vec<String>, &str> =
        added.iter().map(|entity| (names(entity), entity.name.as_str())).collect();
    for entity in removed {
        if !entity.offline {
            found.safe(format!("entity {} is gone; devices never kept it", entity.name));
            continue;
        }
        let alike = by_attributes.get(&names(entity)).filter(|_| !entity.attributes.is_empty());
        let perhaps = alike.map_or_else(String::new, |name| format!(", perhaps renamed to {name}"));
        found.destructive(format!(
            "offline entity {} is gone{perhaps}: objects of it that devices have not synced are lost",
            entity.name
        ));
    }
    for (old, new) in pairs {
        compare_entity(old, new, found);
    }
    for entity in added {
        let where_kept = if entity.offline { "kept offline" } else { "never kept offline" };
        found.safe(format!("entity {} is new, {where_kept}", entity.name));
    }
}

fn compare_entity(old: &Entity, new: &Entity, found: &mut Found) {
    if !old.offline {
        if new.offline {
            found.safe(format!("entity {} is kept offline from now on", new.name));
        } else if old != new {
            found.safe(format!("entity {} changed; devices do not keep it", new.name));
        }
        return;
    }
    if old.name != new.name {
        found.destructive(format!(
            "offline entity {} is now called {}: objects that devices have not synced are not recognised",
            old.name, new.name
        ));
    }
    if !new.offline {
        found.destructive(format!(
            "entity {} is no longer kept offline: objects that devices have not synced are lost",
            new.name
        ));
        return;
    }
    compare_attributes(old, new, found);
    compare_relations(old, new, found);
}

fn compare_attributes(old: &Entity, new: &Entity, found: &mut Found) {
    let entity = &new.name;
    let (pairs, removed, added) = pair(&old.attributes, &new.attributes);
    for attribute in &removed {
        let alike = match (&removed[..], &added[..]) {
            ([_], [new]) if new.of == attribute.of => format!(", perhaps renamed to {}", new.name),
            _ => String::new(),
        };
        found.destructive(format!(
            "attribute {entity}.{} is gone{alike}: values that devices have not synced are lost",
            attribute.name
        ));
    }
    for (old, new) in pairs {
        let name = &new.name;
        if old.name != *name {
            found.destructive(format!(
                "attribute {entity}.{} is now called {name}: values that devices have not synced are not recognised",
                old.name
            ));
        }
        if old.of != new.of {
            found.destructive(format!(
                "attribute {entity}.{name} is {} and was {}: values that devices have not synced may not fit",
                new.of, old.of
            ));
        }
        if new.required && !new.default && !old.required {
            found.destructive(format!(
                "attribute {entity}.{name} is required now: objects without it that devices have not synced are refused"
            ));
        }
    }
    for attribute in added {
        if attribute.required && !attribute.default {
            found.destructive(format!(
                "attribute {entity}.{} is new, required and has no default: objects that devices have not synced lack it",
                attribute.name
            ));
        } else {
            found.safe(format!("attribute {entity}.{} is new", attribute.name));
        }
    }
}

fn compare_relations(old: &Entity, new: &Entity, found: &mut Found) {
    let entity = &new.name;
    let (pairs, removed, added) = pair(&old.relations, &new.relations);
    for relation in removed {
        found.destructive(format!(
            "relation {} from {entity} to {} is gone: links that devices have not synced are lost",
            relation.name, relation.to
        ));
    }
    for (old, new) in pairs {
        let name = &new.name;
        if old.name != *name {
            found.destructive(format!(
                "relation {} from {entity} is now called {name}: links that devices have not synced are not recognised",
                old.name
            ));
        }
        if old.to != new.to {
            found.destructive(format!("relation {name} from {entity} leads to {} and led to {}", new.to, old.to));
        }
        if old.many && !new.many {
            found.destructive(format!("relation {name} from {entity} keeps one link where it kept several"));
        } else if old.many != new.many {
            found.safe(format!("relation {name} from {entity} may have several links now"));
        }
        if new.required && !old.required {
            found.destructive(format!(
                "relation {name} from {entity} is required now: objects without it that devices have not synced are refused"
            ));
        }
    }
    for relation in added {
        let (name, to) = (&relation.name, &relation.to);
        if relation.required {
            found.destructive(format!(
                "relation {name} from {entity} to {to} is new and required: objects that devices have not synced lack it"
            ));
        } else {
            found.safe(format!(
                "relation {name} from {entity} to {to} is new; the server must know it before devices sync"
            ));
        }
    }
}

fn compare_navigation(old: &[Profile], new: &[Profile], found: &mut Found) {
    let by_name: HashMap<&str, &Profile> = new.iter().map(|profile| (profile.name.as_str(), profile)).collect();
    let known: std::collections::HashSet<&str> = old.iter().map(|profile| profile.name.as_str()).collect();
    for profile in old {
        let name = &profile.name;
        let Some(new) = by_name.get(name.as_str()) else {
            found.destructive(format!("navigation profile {name} is gone: what devices do in it ends"));
            continue;
        };
        if profile.home != new.home || profile.role_homes != new.role_homes {
            found.destructive(format!(
                "navigation profile {name} begins with another page: {} and was {}; what is kept offline follows from it",
                homes(new),
                homes(profile)
            ));
        }
        if profile.items != new.items {
            found.destructive(format!(
                "the menu of navigation profile {name} changed: what is kept offline follows from the pages that it reaches"
            ));
        }
    }
    for profile in new.iter().filter(|profile| !known.contains(profile.name.as_str())) {
        found.destructive(format!("navigation profile {} is new: what is kept offline follows from it", profile.name));
    }
}

fn homes(profile: &Profile) -> String {
    match profile.role_homes.len() {
        0 => profile.home.clone(),
        1 => format!("{} (and 1 role's own)", profile.home),
        roles => format!("{} (and {roles} roles' own)", profile.home),
    }
}
