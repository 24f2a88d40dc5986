//! A publisher with a static host, a device, and a clock that obeys.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use smidge::{
    device::{Config, Device, Folder, Machine, Notice, Start, Updated},
    diff,
    hash::Hash,
    tree,
    trust::{
        App, Binary, Channel, Destructive, Head, Listed, Offer, Offered, Part, Platform, Root, Routes, Statement, Step,
        Time, Window,
        sign::{self, SecretKey, StaticHost},
    },
};

pub const NOW: u64 = 1_800_000_000;
pub const DAY: u64 = 86_400;

/// A machine whose clocks stand still unless told, and which never waits.
pub struct Clockwork {
    pub clock: AtomicU64,
    pub elapsed_ms: AtomicU64,
    pub free: AtomicU64,
    pub waited: Mutex<Vec<Duration>>,
    random: AtomicU64,
}

impl Machine for Clockwork {
    fn clock(&self) -> Time {
        Time::from_secs(self.clock.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }

    fn sleep(&self, time: Duration) {
        self.waited.lock().unwrap().push(time);
        self.elapsed_ms.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    fn free_bytes(&self, _: &Path) -> std::io::Result<u64> {
        Ok(self.free.load(Ordering::SeqCst))
    }

    fn random(&self) -> [u8; 16] {
        let n = self.random.fetch_add(1, Ordering::SeqCst);
        Hash::of(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap()
    }
}

/// A release to be published: what the defaults are changed in.
pub struct Plan {
    pub rollout: u8,
    pub disabled: bool,
    pub mandatory: bool,
    pub model: Option<&'static str>,
    pub destructive: Option<&'static [&'static str]>,
    pub targets: Vec<Binary>,
    /// Which earlier trees get a patch to it; none: the one before.
    pub full: bool,
}

impl Default for Plan {
    fn default() -> Self {
        let targets = vec![binary()];
        Self { rollout: 100, disabled: false, mandatory: false, model: None, destructive: None, targets, full: true }
    }
}

pub struct World {
    pub place: tempfile::TempDir,
    pub machine: Arc<Clockwork>,
    pub host: StaticHost,
    pub root: Root,
    pub steps: Vec<Step>,
    pub listed: Vec<(Listed, bool, Vec<Binary>)>,
    pub trees: Vec<(PathBuf, Hash)>,
    pub number: u64,
    pub unsynced: Option<PathBuf>,
}

pub fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

pub fn channel() -> Channel {
    Channel::new(App::new("acme/shop").unwrap(), Platform::Android, "production").unwrap()
}

pub fn binary() -> Binary {
    Binary::new("2.0.0", "42").unwrap()
}

pub fn root(number: u64, epoch: u64, head_key: u8) -> Root {
    let window = Some(Window { from: Time::from_secs(NOW - 1000), until: Time::from_secs(NOW + 400 * DAY) });
    Root {
        name: None,
        number,
        epoch,
        created: Time::from_secs(NOW - 1000),
        expires: Time::from_secs(NOW + 400 * DAY),
        root: sign::role(1, &[(key(1).public(), None)]),
        release: sign::role(1, &[(key(2).public(), window)]),
        head: sign::role(1, &[(key(head_key).public(), window)]),
    }
}

pub fn signed_root(root: &Root) -> Vec<u8> {
    sign::sign_root(&sign::draft_root(root).unwrap(), &key(1), None).unwrap()
}

/// Text of many lines, one of which says `word`.
pub fn script(word: &str) -> Vec<u8> {
    let line = |n: u32| format!("function f{n}(a){{return a+{};}}\n", n.wrapping_mul(2_654_435_761) >> 12);
    let lines: String = (0..400).map(line).collect();
    format!("{lines}say('{word}');\n").into_bytes()
}

impl World {
    /// A publisher without releases; the embedded bundle says v0.
    pub fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let machine = Arc::new(Clockwork {
            clock: AtomicU64::new(NOW),
            elapsed_ms: AtomicU64::new(0),
            free: AtomicU64::new(1 << 40),
            waited: Mutex::new(Vec::new()),
            random: AtomicU64::new(0),
        });
        let host = StaticHost::new(&place.path().join("host"));
        let root = root(1, 1, 3);
        host.put_root(1, &signed_root(&root)).unwrap();
        let mut world = Self {
            place,
            machine,
            host,
            root,
            steps: Vec::new(),
            listed: Vec::new(),
            trees: Vec::new(),
            number: 0,
            unsynced: None,
        };
        world.tree(0, "v0");
        world.publish_head();
        world
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.join("home")
    }

    fn tree(&mut self, label: u64, word: &str) -> Hash {
        let path = self.join(&format!("v{label}"));
        fs::create_dir_all(path.join("assets")).unwrap();
        fs::write(path.join("index.bundle"), script(word)).unwrap();
        fs::write(path.join("assets/logo"), vec![label as u8 / 2; 3000]).unwrap();
        let hash = tree::scan(&path).unwrap().hash();
        self.trees.push((path, hash));
        hash
    }

    /// Puts the patch between two trees on the host; from nothing, where there is no `from`.
    fn patch(&mut self, from: Option<usize>, to: usize) {
        let (to_path, to) = self.trees[to].clone();
        let (from_path, from) = match from {
            Some(from) => (self.trees[from].0.clone(), Some(self.trees[from].1)),
            None => {
                let nothing = self.join("nothing");
                fs::create_dir_all(&nothing).unwrap();
                (nothing, None)
            }
        };
        let mut patch = Vec::new();
        let options = diff::Options { effort: diff::Effort::Fast, check: false, ..Default::default() };
        diff::diff(&from_path, &to_path, &mut patch, &options).unwrap();
        let object = Hash::of(&patch);
        self.host.put_object(&object, &mut &patch[..]).unwrap();
        self.steps.push(Step { from, to, object, size: patch.len() as u64 });
    }

    /// Publishes the next release, whose bundle says `v` and its label.
    pub fn publish(&mut self, plan: Plan) -> u64 {
        let label = self.trees.len() as u64;
        let tree = self.tree(label, &format!("v{label}"));
        self.patch(Some(label as usize - 1), label as usize);
        if plan.full {
            self.patch(None, label as usize);
        }
        let destructive = plan.destructive.map(|survives| Destructive {
            reason: "entity Order was renamed".to_owned(),
            survives: survives.iter().map(|model| (*model).to_owned()).collect(),
        });
        let statement = Statement {
            description: None,
            channel: channel(),
            foreign: vec![],
            label,
            created: Time::from_secs(NOW),
            tree,
            tree_bytes: tree::scan(&self.trees[label as usize].0).unwrap().total_bytes(),
            targets: plan.targets.clone(),
            bundle: Some("index.bundle".to_owned()),
            fingerprint: None,
            model: plan.model.map(str::to_owned),
            destructive,
        };
        let statement = sign::sign_statement(&statement, &[key(2)], &self.root, Time::from_secs(NOW)).unwrap();
        let routes = Part::Inside(Routes::new(tree, self.steps.clone()).write());
        let (rollout, disabled) = (plan.rollout, plan.disabled);
        let listed = Listed { label, rollout, disabled, statement: Part::Inside(statement), routes };
        self.listed.insert(0, (listed, plan.mandatory, plan.targets));
        self.publish_head();
        label
    }

    pub fn head(&self) -> Head {
        let mut binaries: BTreeMap<Binary, Vec<Offer>> = BTreeMap::new();
        for (release, (listed, mandatory, targets)) in self.listed.iter().enumerate() {
            let mandatory_below = if *mandatory { listed.label } else { 0 };
            for target in targets {
                binaries.entry(target.clone()).or_default().push(Offer { release, mandatory_below });
            }
        }
        let offered = |(binary, offers)| Offered { binary, embedded: None, offers };
        Head {
            channel: channel(),
            epoch: self.root.epoch,
            number: self.number,
            created: Time::from_secs(NOW),
            expires: Time::from_secs(NOW + 90 * DAY),
            root: self.root.number,
            releases: self.listed.iter().map(|(listed, ..)| listed.clone()).collect(),
            binaries: binaries.into_iter().map(offered).collect(),
        }
    }

    pub fn publish_head(&mut self) {
        self.number += 1;
        let head_key = if self.root.number == 1 { 3 } else { 4 };
        let head = sign::sign_head(&self.head(), None, &[key(head_key)], &self.root, Time::from_secs(NOW)).unwrap();
        self.host.put_head(&channel(), &head).unwrap();
    }

    pub fn config(&self) -> Config {
        let mut config = Config::new(self.home(), channel(), binary(), signed_root(&root(1, 1, 3)));
        config.embedded.path = Some(self.trees[0].0.clone());
        config.embedded.bundle = Some("index.bundle".to_owned());
        config.embedded.model = Some("m1".to_owned());
        config.machine = self.machine.clone();
        if let Some(path) = &self.unsynced {
            config.data = smidge::device::Source::File(path.clone());
            config.data_paths = vec![self.join("data")];
        }
        config
    }

    /// The device as a new process finds it.
    pub fn device(&self) -> Device {
        Device::new(self.config())
    }

    pub fn transport(&self) -> Folder {
        Folder::new(self.join("host"))
    }

    #[track_caller]
    pub fn update(&self) -> Updated {
        self.device().update(&self.transport(), Default::default()).unwrap()
    }

    /// Starts the app, and makes sure that the bundle to be loaded is a whole one.
    #[track_caller]
    pub fn start(&self) -> (String, Start) {
        let start = self.device().start();
        (self.says(&start), start)
    }

    /// What the bundle says that is to be loaded.
    #[track_caller]
    pub fn says(&self, start: &Start) -> String {
        let text = fs::read_to_string(start.bundle.as_ref().unwrap()).unwrap();
        let word = text.lines().last().unwrap().split('\'').nth(1).unwrap().to_owned();
        let label: usize = word[1..].parse().unwrap();
        let found = tree::scan(start.root.as_ref().unwrap()).unwrap().hash();
        assert_eq!(found, self.trees[label].1, "{word} is not whole");
        word
    }

    /// The slots there are, and whatever else lies beside them.
    pub fn slots(&self) -> usize {
        fs::read_dir(self.home().join("slots")).unwrap().count()
    }
}

pub fn names(notices: &[Notice]) -> Vec<&'static str> {
    notices.iter().map(Notice::name).collect()
}
