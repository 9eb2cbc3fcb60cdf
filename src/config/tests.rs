use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::Auth;
use super::Config;
use super::ConfigError;
use super::Follow;
use super::HOST;
use super::Loaded;
use super::LogLevel;
use super::REPOSITORY;
use super::Repo;
use super::Repository;
use crate::core::desired::DriftMode;
use crate::core::desired::settings;
use crate::core::schedule::Schedule;
use crate::core::shape::Field;
use crate::core::shape::Shape;
use crate::core::shape::json_schema;

const KEY: &str = "5f2b8c1d9e3a7f605f2b8c1d9e3a7f60";

/// A folder with a configuration and secrets.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, content) in [
            ("push-key", KEY),
            ("alerts-key", KEY),
            ("alerts-url", "https://alerts.example.org/T0KEN\n"),
            ("short", "abc"),
            ("empty", ""),
        ] {
            folder.write(&format!("secrets/{name}"), content);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    fn load(&self, text: &str) -> Result<Loaded<Config>, ConfigError> {
        self.write("config.yaml", text);
        Config::load(&self.path("config.yaml"))
    }

    /// Returns the messages without the folder's name.
    fn mistakes(&self, text: &str) -> String {
        let error = self.load(text).expect_err("mistakes").to_string();
        error.replace(&format!("{}/", self.0.path().display()), "")
    }

    fn warnings(&self, text: &str) -> String {
        let loaded = self.load(text).expect("a configuration");
        let lines: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        lines.join("\n").replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn config_of(text: &str) -> Config {
    Folder::new().load(text).expect("a configuration").value
}

#[test]
fn the_documented_example_loads_without_a_warning() {
    let folder = Folder::new();
    let text = fs::read_to_string(document("config.example.yaml")).expect("the example");
    assert_eq!(folder.warnings(&text), "");
    let config = folder.load(&text).expect("a configuration").value;
    let [homelab, media] = config.sources.as_slice() else { panic!("{:?}", config.sources) };
    assert_eq!(homelab.follow, Follow::Branch("main".into()));
    let token_file = folder.path("secrets/homelab-token");
    assert_eq!(homelab.auth, Auth::Token { username: "git".into(), token_file });
    assert!(
        matches!(&media.schedule, Schedule::Cron(cron) if cron.to_string() == "30 3 * * mon-fri Europe/Berlin")
    );
    assert_eq!(config.providers[0].url.expose(), "https://alerts.example.org/T0KEN");
    assert!(config.receivers[0].key.as_ref().is_some_and(|key| key.expose() == KEY));
}

#[test]
fn the_configuration_to_start_from_loads_and_so_does_what_is_commented_out_in_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/config.yaml");
    let text = fs::read_to_string(path).expect("the file");
    let folder = Folder::new();
    assert_eq!(folder.warnings(&text), "");
    // A comment in a comment, or a sentence, is not YAML that was commented out.
    let setting = |line: &&str| !line.trim_start_matches([' ', '#']).starts_with(char::is_uppercase);
    let all: Vec<String> =
        text.lines().skip(1).filter(setting).map(|line| line.replacen("# ", "", 1)).collect();
    let config = folder.load(&all.join("\n")).expect("a configuration").value;
    assert_eq!((config.sources.len(), config.providers.len(), config.receivers.len()), (1, 1, 1));
    assert!(config.receivers[0].key.is_some());
}

#[test]
fn the_documented_repository_file_loads() {
    let text = fs::read(document("evenkeel.example.yaml")).expect("the example");
    let loaded = Repository::read(&text, Repository::FILE).expect("a repository");
    assert_eq!(loaded.value.stacks.expect("stacks").len(), 2);
    assert!(loaded.warnings.is_empty());
}

/// Returns the keys of a mapping, or of the mappings in a list.
fn inner(shape: Shape) -> &'static [Field] {
    match shape {
        Shape::Map(fields) => fields,
        Shape::List(item) => inner(*item),
        _ => &[],
    }
}

#[test]
fn the_examples_name_every_key() {
    fn names(fields: &[Field], found: &mut Vec<&'static str>) {
        for field in fields {
            found.push(field.name);
            names(inner(field.shape), found);
        }
    }
    for (file, fields) in [("config.example.yaml", HOST), ("evenkeel.example.yaml", REPOSITORY)] {
        let text = fs::read_to_string(document(file)).expect("the example");
        let mut found = Vec::new();
        names(fields, &mut found);
        for name in found {
            assert!(text.contains(&format!("{name}:")) || text.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn the_published_schemas_are_those_of_the_tables() {
    for (file, title, fields) in [
        ("schema/config.schema.json", "Evenkeel's host file", HOST),
        ("schema/evenkeel.schema.json", "evenkeel.yaml at a repository's root", REPOSITORY),
        ("schema/x-evenkeel.schema.json", "x-evenkeel at the top of a compose file", settings::FIELDS),
    ] {
        let wanted = format!("{:#}\n", json_schema(title, fields));
        if std::env::var_os("EVENKEEL_WRITE_SCHEMAS").is_some() {
            fs::write(document(file), &wanted).expect("written");
        }
        let published = fs::read_to_string(document(file)).unwrap_or_default();
        assert_eq!(published, wanted, "{file}: run this test again with EVENKEEL_WRITE_SCHEMAS=1");
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    fn field(fields: &[Field], name: &str) -> Field {
        *fields.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("{name}"))
    }
    let lines = |fields: &[Field], names: &[&str], indent: &str| -> String {
        let default = |name| field(fields, name).default.expect("a default");
        let lines: Vec<String> =
            names.iter().map(|name| format!("{indent}{name}: {}\n", default(name))).collect();
        lines.concat()
    };
    let of = |fields: &[Field], name: &str| inner(field(fields, name).shape);
    let times = ["path", "interval", "retryInterval", "timeout"];
    let flags = ["allowForcePush", "insecure", "suspend"];
    let start = "sources:\n  - name: a\n    url: /a\n";
    let explicit = [
        start.to_owned(),
        lines(of(HOST, "sources"), &times, "    "),
        lines(of(HOST, "sources"), &flags, "    "),
        lines(HOST, &["instance", "dataDir", "listen", "engine"], ""),
        "defaults:\n  drift:\n".to_owned(),
        lines(of(of(HOST, "defaults"), "drift"), &["mode", "interval"], "    "),
        "log:\n".to_owned(),
        lines(of(HOST, "log"), &["format", "level"], "  "),
    ]
    .concat();
    let folder = Folder::new();
    let load = |text: &str| format!("{:#?}", folder.load(text).expect("a configuration"));
    assert_eq!(load(&explicit), load(start));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = "\
instance: -x
listen: localhost
engin: docker
sources:
  - name: a
    url: https://me:hunter2@host/r
    interval: 100ms
  - name: a
    url: git@host:r
    branch: main
    tag: v1
    auth: {tokenFile: t}
    schedule: {cron: 0 0 3 * * *, timeZone: Mars/Olympus}
  - name: b
    url: ssh://host/r
    path: ../x
    interval: 1m
    schedule: {cron: 0 0 30 2 *}
    auth: {privateKeyFile: k}
    commit: abc
providers:
  - name: a b
    url: ftp://x
    events: [deploy.fail]
    sources: [aa]
  - name: c
    secretFile: secrets/short
receivers:
  - name: push
    secretFile: secrets/short
defaults:
  drift: {interval: 0s}
";
    let mistakes = Folder::new().mistakes(text);
    assert!(!mistakes.contains("hunter2"));
    insta::assert_snapshot!(mistakes, @r"
    config.yaml:1:11: invalid instance `-x`: use letters, digits, `-`, `_` and `.`, starting with a letter or digit
    config.yaml:2:9: `localhost` is no address to listen at: write an IP address and a port such as 127.0.0.1:8470, or `off`
    config.yaml:3:1: unknown key `engin` (did you mean `engine`?)
    config.yaml:6:10: the address contains credentials: put the token into a file and name it in `auth.tokenFile`
    config.yaml:7:15: the interval must be at least 1s
    config.yaml:8:11: another source is called `a`, in line 5
    config.yaml:11:10: only one of `branch`, `tag` and `commit` can be followed
    config.yaml:12:23: ssh takes a `privateKeyFile`, not a token
    config.yaml:13:22: `0 0 3 * * *` is no schedule: expected 5 fields (minute hour day month weekday) or a name such as @daily, found 6
    config.yaml:13:45: `Mars/Olympus` is no time zone: write a name such as Europe/Berlin
    config.yaml:16:11: `../x` must be a folder in the repository, seen from its root
    config.yaml:18:15: only one of `interval` and `schedule` can be given
    config.yaml:18:22: `0 0 30 2 *` is no schedule: no date matches it
    config.yaml:19:28: `knownHostsFile` is missing: no host is trusted on first use (see `ssh-keyscan`, and compare)
    config.yaml:20:13: write all 40 digits of the commit's id
    config.yaml:22:11: invalid name `a b`: use letters, digits, `-` and `_`, 64 at most
    config.yaml:23:10: this is not an http:// or https:// address
    config.yaml:24:14: no event matches `deploy.fail` (did you mean `deploy.failed`?)
    config.yaml:25:15: there is no source `aa` (did you mean `a`?)
    config.yaml:26:5: `url` or `urlFile` is missing
    config.yaml:27:17: the key in secrets/short has less than 16 bytes: make one with `openssl rand -hex 32`
    config.yaml:30:17: the key in secrets/short has less than 16 bytes: make one with `openssl rand -hex 32`
    config.yaml:32:21: the interval must be at least 1s
    ");
}

#[test]
fn a_receiver_without_its_secret_is_off_and_says_so() {
    let text = "\
sources: [{name: a, url: /a}]
receivers:
  - name: one
  - name: two
    secretFile: secrets/none
  - name: three
    secretFile: secrets/empty
";
    let folder = Folder::new();
    insta::assert_snapshot!(folder.warnings(text), @r"
    config.yaml:3:5: this receiver is off: `secretFile` is missing (nothing is accepted unsigned)
    config.yaml:5:17: this receiver is off: secrets/none is not there (nothing is accepted unsigned)
    config.yaml:7:17: this receiver is off: secrets/empty is empty (nothing is accepted unsigned)
    ");
    let config = folder.load(text).expect("a configuration").value;
    assert!(config.receivers.iter().all(|receiver| receiver.key.is_none()));
}

#[test]
fn a_provider_needs_what_it_names() {
    let folder = Folder::new();
    let provider = |rest: &str| format!("sources: [{{name: a, url: /a}}]\nproviders: [{{name: p, {rest}}}]");
    insta::assert_snapshot!(folder.mistakes(&provider("urlFile: secrets/none")), @"config.yaml:2:32: secrets/none is not there");
    insta::assert_snapshot!(folder.mistakes(&provider("url: 'http://x', secretFile: secrets/empty")), @"config.yaml:2:52: secrets/empty is empty");
    insta::assert_snapshot!(folder.mistakes(&provider("url: 'http://x', urlFile: secrets/alerts-url")), @"config.yaml:2:49: only one of `url` and `urlFile` can be given");
}

#[test]
fn what_is_set_is_used() {
    let config = config_of(
        "instance: two\ndataDir: data\nlisten: off\nengine: simulated\nlog: {level: debug, format: json}\n\
         defaults: {prune: false, drift: {mode: warn, interval: 1h}, update: {pullTimeout: 1m}}\n",
    );
    assert_eq!(config.instance.as_str(), "two");
    assert!(config.data_dir.is_absolute() && config.data_dir.ends_with("data"));
    assert_eq!(config.listen, None);
    assert_eq!(config.engine, super::Engine::Simulated);
    assert_eq!((config.log.format, config.log.level), (super::LogFormat::Json, LogLevel::Debug));
    assert_eq!((config.settings.prune, config.settings.drift), (false, DriftMode::Warn));
    assert_eq!(config.settings.pull_timeout, Duration::from_mins(1));
    assert_eq!(config.drift_interval, Duration::from_hours(1));
}

#[test]
fn a_configuration_never_shows_its_secrets() {
    let folder = Folder::new();
    let text = fs::read_to_string(document("config.example.yaml")).expect("the example");
    let shown = format!("{:?}", folder.load(&text).expect("a configuration"));
    assert!(!shown.contains(KEY) && !shown.contains("T0KEN"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_or_is_no_text_is_said_plainly() {
    let folder = Folder::new();
    let error = Config::load(&folder.path("none.yaml")).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read ") && error.contains("none.yaml: No such file"), "{error}");
    fs::write(folder.path("config.yaml"), [0xff, 0xfe, 0x00]).expect("written");
    let error = Config::load(&folder.path("config.yaml")).expect_err("no text").to_string();
    assert!(error.ends_with("config.yaml is not text in UTF-8"), "{error}");
}

#[test]
fn one_repository_needs_no_file() {
    let repo = Repo { url: "https://host/me/homelab.git", path: Some("./stacks/"), ..Repo::default() };
    let mut config = Config::for_repo(&repo).expect("a configuration");
    let source = &config.sources[0];
    assert_eq!(source.name.as_str(), "homelab");
    assert_eq!((source.path.as_str(), &source.follow), ("stacks", &Follow::Default));
    assert_eq!(source.schedule, Schedule::every(Duration::from_mins(1)));
    config.add_webhook("http://127.0.0.1:9/x", None).expect("a webhook");
    config.add_webhook("http://127.0.0.1:9/y", None).expect("a webhook");
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["webhook", "webhook-2"]);
    for bad in [
        Repo { url: "https://me:pw@host/r", ..Repo::default() },
        Repo { url: "/r", branch: Some("-x"), ..Repo::default() },
        Repo { url: "/r", interval: Some(Duration::ZERO), ..Repo::default() },
        Repo { url: "/", ..Repo::default() },
    ] {
        assert!(Config::for_repo(&bad).is_err(), "{bad:?}");
    }
    assert!(config.add_webhook("not a url", None).is_err());
}
