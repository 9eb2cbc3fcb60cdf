//! The reference's side as it was recorded: in which fields an object differs from a bare one of the same engine.
//!
//! A bare object is made by `docker` without any option. What it shows is asked anew in each run, so a record holds
//! nothing of the machine: only what follows from the project's files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::engine::Engine;
use crate::engine::Kind;
use crate::engine::docker;
use crate::normal::Normal;
use crate::snapshot::Fields;
use crate::snapshot::Snapshot;
use crate::snapshot::of_object;

/// What is recorded of a field that a bare object has and the recorded one has not.
const ABSENT: &str = "<absent>";

/// What the engine shows of bare objects, by the first word of their title.
pub(crate) struct Bare(BTreeMap<String, Fields>);

impl Bare {
    /// Makes them, looks at them, and removes them.
    ///
    /// # Panics
    /// Panics if one cannot be made.
    pub(crate) fn get() -> &'static Self {
        static BARE: OnceLock<Bare> = OnceLock::new();
        BARE.get_or_init(|| {
            let name = format!("bare{}-parity", std::process::id());
            let run = ["run", "--detach", "--network", &name, "--name", &name, "evenkeel-test/busybox:1"];
            let ids = [name.clone()];
            let mut made: Vec<(Kind, Value)> = Vec::new();
            // The container comes last: the network would show it.
            for (kind, command) in [
                (Kind::Network, &["network", "create", &name][..]),
                (Kind::Volume, &["volume", "create", &name]),
                (Kind::Container, &run),
            ] {
                if let Err(why) = docker(command) {
                    panic!("docker {command:?}: {why}");
                }
                made.extend(kind.inspect(&ids).into_iter().map(|shown| (kind, shown)));
            }
            for kind in Kind::ALL {
                kind.remove(&ids).expect("what was made can be removed");
            }
            let normal = Normal::new(Engine::get(), "", &[]);
            let objects = made.into_iter().flat_map(|(kind, shown)| of_object(kind, shown, &normal));
            Self(objects.map(|(title, fields)| (first_word(&title), fields)).collect())
        })
    }

    fn of(&self, title: &str) -> Fields {
        self.0.get(&first_word(title)).cloned().unwrap_or_default()
    }

    /// Returns in what the objects differ from bare ones.
    fn without(&self, snapshot: &Snapshot) -> Snapshot {
        let different = |(title, fields): (&String, &Fields)| {
            let bare = self.of(title);
            let absent = bare.keys().filter(|path| !fields.contains_key(*path));
            let absent = absent.map(|path| (path.clone(), ABSENT.into()));
            let own = fields.iter().filter(|(path, value)| bare.get(*path) != Some(value));
            let own = own.map(|(path, value)| (path.clone(), value.clone()));
            (title.clone(), own.chain(absent).collect())
        };
        snapshot.iter().map(different).collect()
    }

    /// Returns the whole objects.
    fn with(&self, recorded: Snapshot) -> Snapshot {
        let whole = |(title, recorded): (String, Fields)| {
            let mut fields = self.of(&title);
            fields.extend(recorded);
            fields.retain(|_, value| *value != ABSENT);
            (title, fields)
        };
        recorded.into_iter().map(whole).collect()
    }
}

fn first_word(title: &str) -> String {
    title.split(' ').next().unwrap_or_default().to_owned()
}

/// Reads the record of a project for this engine, if there is one.
pub(crate) fn read(project: &str) -> Option<Snapshot> {
    let text = fs::read_to_string(path(project)).ok()?;
    Some(Bare::get().with(serde_json::from_str(&text).expect("a record")))
}

/// Writes the record of a project for this engine.
pub(crate) fn write(project: &str, snapshot: &Snapshot) {
    let path = path(project);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, print(&Bare::get().without(snapshot))).expect("a record can be written");
}

/// Writes a record as JSON with one field a line.
fn print(recorded: &Snapshot) -> String {
    let quoted = |text: &String| Value::from(text.as_str());
    let field = |(path, value): (&String, &Value)| format!("    {}: {value}", quoted(path));
    let object = |(title, fields): (&String, &Fields)| {
        let fields: Vec<String> = fields.iter().map(field).collect();
        format!("  {}: {{\n{}\n  }}", quoted(title), fields.join(",\n"))
    };
    let objects: Vec<String> = recorded.iter().map(object).collect();
    format!("{{\n{}\n}}\n", objects.join(",\n"))
}

fn path(project: &str) -> PathBuf {
    PathBuf::from(format!("tests/parity/records/{}/{project}.json", Engine::get().api))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(fields: &[(&str, Value)]) -> Fields {
        fields.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_record_holds_the_differences_alone_and_gives_the_whole_back() {
        let bare = fields(&[("Dns", json!([])), ("Init", json!(null)), ("Memory", json!(0))]);
        let bare = Bare(BTreeMap::from([("container".into(), bare)]));
        let whole = fields(&[("Dns", json!(null)), ("Memory", json!(0)), ("Labels/a", json!("b"))]);
        let whole = Snapshot::from([("container shop-web-1".into(), whole)]);
        let recorded = bare.without(&whole);
        let expected = fields(&[("Dns", json!(null)), ("Init", json!(ABSENT)), ("Labels/a", json!("b"))]);
        assert_eq!(recorded["container shop-web-1"], expected);
        let read: Snapshot = serde_json::from_str(&print(&recorded)).expect("JSON");
        assert_eq!(bare.with(read), whole);
    }
}
